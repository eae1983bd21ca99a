-- rsp test conf/examples/hosting-test.lua
include "hosting.lua"

test "an app and its reload share one server" {
  same_backend = {
    "GET https://alice.example.org/",
    "POST https://www.pythonanywhere.example/user/Alice/webapps/Alice.Example.ORG/reload",
    "POST https://www.pythonanywhere.example/user/Alice/webapps/alice%2Eexample.org./reload",
    "POST https://www.pythonanywhere.example/user/Alice/webapps/ALICE.example.org:443/reload",
  },
}
test "near misses take the normal way" {
  request = "POST https://www.pythonanywhere.example/user/Alice/webapps/alice.example.org/reload/x",
  expect = { pool = "apps", key = "www.pythonanywhere.example", path = "/*" },
}
test "a domain that is none is refused" {
  request = "POST https://www.pythonanywhere.example/user/Alice/webapps/a%20b/reload",
  expect = { status = 400 },
}
