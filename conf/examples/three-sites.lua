-- Three sites on one machine.
listen { http = 80, https = 443 }            -- a plain port redirects to HTTPS where a site has a certificate
tls    { certificates = "/etc/rsp/certs/" }  -- every *.pem in there; the name asked for (SNI) picks one

site "example.com"      { to = "127.0.0.1:8080" }
site "blog.example.com" { to = "127.0.0.1:2368" }
site "shop.example.com" {
  to = pool "shop" {
    "10.0.0.11:8080", "10.0.0.12:8080",
    balance = "least-busy",
    health  = { get = "/healthz", every = "5s", fall = 3, rise = 2 },
  },
}
site "www.example.com" { redirect = "https://example.com{uri}" }
site "*"               { respond  = { 404, "There is no site of that name here.\n" } }
