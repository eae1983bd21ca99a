-- The demonstration that tools/quickstart runs: two backends that say their names, reached by http and https.
-- tools/quickstart gives the ports and the folder of the certificate in the environment.
local function setting(name, default) return os.getenv("RSP_DEMO_" .. name) or default end

listen {
  http  = "127.0.0.1:" .. setting("HTTP", "8080"),
  https = "127.0.0.1:" .. setting("HTTPS", "8443"),
}
tls { certificates = setting("CERTIFICATES", "/etc/rsp/certs/") }
admin { socket = setting("SOCKET", "/run/rsp.sock") }
log { access = setting("ACCESS", "stdout"), errors = "stderr" }

-- Every backend can run every app; hashing the domain says which one does.
local apps = pool "apps" {
  "127.0.0.1:" .. setting("FIRST", "9001"),
  "127.0.0.1:" .. setting("SECOND", "9002"),
  balance = "hash", key = "{host}",
}

site "www.pythonanywhere.example" {
  paths = {  -- a reload must reach the backend that runs the domain named in its path
    ["/user/*/webapps/{domain}/reload"] = { to = apps, key = "{domain}" },
    ["/*"]                              = { to = apps },
  },
}
site "localhost" { to = apps }
site "*"         { to = apps }
