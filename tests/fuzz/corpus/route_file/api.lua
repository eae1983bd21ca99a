-- An API with a canary: code where code is wanted.
local stable = pool "api-stable" { "10.1.0.11:9000", "10.1.0.12:9000", balance = "least-busy" }
local canary = pool "api-canary" { "10.1.0.21:9000" }

site "api.example.com" {
  paths = {
    ["/healthz"] = { respond = { 200, "ok\n" } },
    ["/v1/*"]    = { route = function(req)
                       req.headers["x-internal-role"] = nil  -- never believe this one from outside
                       if req.cookies.release == "canary" and canary:up() then return canary end
                       return split(req.user or req.client.ip, { { 5, canary }, { 95, stable } })
                     end },
  },
}
