-- A hosting platform: every backend can run every app, the app's domain says which one does, and backends come and go while
-- rsp runs. README.md beside this file walks through it.
listen { http = "127.0.0.1:8000" }
log    { access = "off" }
admin  { socket = "rsp.sock", state = "state/state.json" }  -- both beside this file

local apps = pool "apps" {
  "127.0.0.1:9001", "127.0.0.1:9002",
  live    = true,              -- members come and go by rspctl, and survive a restart in the state file
  balance = "hash", key = "{host}",
}
site "www.platform.example" {
  paths = {                    -- a reload must reach the backend that runs the domain named in its path
    ["/user/*/webapps/{domain}/reload"] = { to = apps, key = "{domain}" },
    ["/*"]                              = { to = apps },
  },
}
site "*" { to = apps }         -- everybody's apps, on any domain they point here
