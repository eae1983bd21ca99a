-- A hosting platform. Every web server can run every app; hashing the domain says which one does.
local apps = pool "apps" {
  "10.2.0.11:8000", "10.2.0.12:8000", "10.2.0.13:8000",
  { "10.2.0.14:8000", weight = 2 },          -- a larger machine takes twice as many domains
  balance = "hash", key = "{host}", health = { tcp = true, every = "2s" },
}
site "www.pythonanywhere.example" {
  paths = {                    -- a reload must reach the server that runs the domain named in its path
    ["/user/*/webapps/{domain}/reload"] = { to = apps, key = "{domain}" },
    ["/*"]                              = { to = apps },
  },
}
site "*" { to = apps }         -- everybody's apps, on any domain they point here
