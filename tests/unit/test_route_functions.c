// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"
#include "core/log.h"
#include "tests/unit/routing_fixture.h"

#define POOLS                                                                                      \
    "local a = pool \"a\" { \"10.0.0.1:1\" }\n"                                                    \
    "local b = pool \"b\" { \"10.0.0.2:1\", \"10.0.0.3:1\", balance = \"hash\", key = \"{host}\" " \
    "}\n"

static struct fixture with_function(const char *body) {
    struct text lua;
    text_init(&lua, 1 << 16);
    text_printf(&lua,
                POOLS
                "site \"*\" { paths = { [\"/{first}/*\"] = { route = function(req)\n%s\nend }}}",
                body);
    struct fixture f = load_good(text_string(&lua));
    text_fini(&lua);
    return f;
}

static void expect_failure(const char *body) {
    struct fixture f = with_function(body);
    const struct route_answer *answer = ask(&f, "w.example", "/x/y");
    assert_int_equal(answer->kind, ANSWER_REFUSED);
    assert_int_equal(answer->refused, REFUSED_SCRIPT);
    assert_non_null(answer->site);
    unload(&f);
}

static void a_function_may_return_a_pool(void **state) {
    (void)state;
    struct fixture f = with_function("return a");
    assert_string_equal(member_for(&f, "w.example", "/x"), "10.0.0.1:1");
    unload(&f);
}

static void a_function_may_return_nothing_and_that_is_no_path(void **state) {
    (void)state;
    struct fixture f = with_function("if false then return a end");
    assert_int_equal(ask(&f, "w.example", "/x")->kind, ANSWER_REFUSED);
    assert_int_equal(f.answer.refused, REFUSED_NO_PATH);
    unload(&f);
}

static void a_key_given_by_a_function_goes_through_the_host_name_function(void **state) {
    (void)state;
    struct fixture f = with_function("return b:by('Some.Example.:80')");
    assert_int_equal(ask(&f, "w.example", "/x")->kind, ANSWER_POOL);
    assert_slice(f.answer.key, "some.example");
    unload(&f);
    f = with_function("return b:by('no host')");
    assert_int_equal(ask(&f, "w.example", "/x")->refused, REFUSED_BAD_KEY);
    unload(&f);
}

static void a_hash_pool_returned_by_itself_uses_its_own_key(void **state) {
    (void)state;
    struct fixture f = with_function("return b");
    assert_int_equal(ask(&f, "W.example", "/x")->kind, ANSWER_POOL);
    assert_slice(f.answer.key, "w.example");
    unload(&f);
}

static void a_member_can_be_named(void **state) {
    (void)state;
    struct fixture f = with_function("return b:member('10.0.0.3:1')");
    assert_string_equal(member_for(&f, "w.example", "/x"), "10.0.0.3:1");
    unload(&f);
    expect_failure("return b:member('10.0.0.9:1')");
}

static void a_function_may_respond_with_fields(void **state) {
    (void)state;
    struct fixture f =
        with_function("return respond(418, { body = 'short', ['content-type'] = 'text/x-tea' })");
    assert_int_equal(ask(&f, "w.example", "/x")->kind, ANSWER_RESPOND);
    assert_int_equal(f.answer.status, 418);
    assert_slice(f.answer.body, "short");
    assert_int_equal(f.answer.field_count, 1);
    assert_slice(f.answer.fields[0].name, "content-type");
    assert_slice(f.answer.fields[0].value, "text/x-tea");
    unload(&f);
}

static void what_would_break_the_framing_is_not_sent(void **state) {
    (void)state;
    expect_failure("return respond(200, { ['content-length'] = '5' })");
    expect_failure("return respond(200, { ['x-a'] = 'b\\r\\nset-cookie: c=d' })");
    expect_failure("return respond(200, { ['x a'] = 'b' })");
}

static void a_redirect_cannot_break_the_line(void **state) {
    (void)state;
    struct fixture f =
        with_function("return redirect('https://x.example/\\r\\nset-cookie: a=b', 307)");
    assert_int_equal(ask(&f, "w.example", "/x")->kind, ANSWER_REDIRECT);
    assert_int_equal(f.answer.status, 307);
    assert_slice(f.answer.location, "https://x.example/%0D%0Aset-cookie:%20a=b");
    unload(&f);
}

static void the_request_can_be_read(void **state) {
    (void)state;
    struct fixture f = with_function(
        "local got = table.concat({ req.id, req.method, req.scheme, req.host, req.path, "
        "req.raw_path,\n"
        "  req.query.q, req.query:all('q')[2], req.headers['X-Thing'], "
        "#req.headers:all('x-thing'),\n"
        "  req.cookies.c, req.client.ip, req.client.port, tostring(req.client.tls), "
        "tostring(req.user),\n"
        "  req.vars.first, tostring(req.headers.none), tostring(req.query.none) }, ' ')\n"
        "return respond(200, got)");
    ask_with(&f, "W.example", "/a%20b/%2fc?q=1+2&q=%33",
             "X-Thing: one\nCookie: b=1; c=two\nx-thing: 2\n");
    assert_int_equal(f.answer.kind, ANSWER_RESPOND);
    assert_slice(f.answer.body, "test-1 GET http w.example /a b/%2fc /a%20b/%2fc 1 2 3 one 2 two "
                                "192.0.2.1 4711 false nil a b nil nil");
    unload(&f);
}

static void fields_are_assigned_and_removed_for_the_backend(void **state) {
    (void)state;
    struct fixture f =
        with_function("req.headers['x-role'] = 'admin'; req.headers['cookie'] = nil; return a");
    assert_string_equal(member_for(&f, "w.example", "/x"), "10.0.0.1:1");
    unload(&f);
    expect_failure("req.headers['x-role'] = 'a\\r\\nb: c'");
    expect_failure("req.headers['x role'] = 'a'");
    expect_failure("req.headers['content-length'] = '5'");
    expect_failure("req.path = '/'");
    expect_failure("return req.pathh");
}

static void a_split_is_the_same_for_the_same_key_and_near_its_shares(void **state) {
    (void)state;
    struct fixture f =
        with_function("return split(req.query.k, { { 5, respond(200, 'canary') }, { 95, a } })");
    unsigned canaries = 0;
    for (int i = 0; i < 10000; i++) {
        char uri[32];
        snprintf(uri, sizeof uri, "/x?k=user%d", i);
        enum answer_kind kind = ask(&f, "w.example", uri)->kind;
        canaries += kind == ANSWER_RESPOND;
        if (i % 100 == 0) assert_int_equal(ask(&f, "w.example", uri)->kind, kind);
        arena_reset(f.arena);
    }
    assert_in_range(canaries, 400, 600);
    unload(&f);
}

static void an_error_is_a_failure_and_the_next_request_works(void **state) {
    (void)state;
    struct fixture f = with_function("if req.query.bad then error('no') end return a");
    for (int i = 0; i < 50; i++) {
        assert_int_equal(ask(&f, "w.example", "/x?bad=1")->refused, REFUSED_SCRIPT);
        assert_string_equal(member_for(&f, "w.example", "/x"), "10.0.0.1:1");
    }
    unload(&f);
}

static void wrong_answers_are_failures(void **state) {
    (void)state;
    expect_failure("return 'a'");
    expect_failure("return { a }");
    expect_failure("return respond(99)");
    expect_failure("return a:by('x')");
    expect_failure("return split('k', {})");
    expect_failure("return split('k', { { 1 } })");
    expect_failure("coroutine.yield(a)");
    expect_failure("error({})");
    expect_failure("error(setmetatable({}, { __tostring = function() while true do end end }))");
}

static void what_is_not_there_yet_says_so(void **state) {
    (void)state;
    expect_failure("return http.get('http://x/')");
    expect_failure("sleep('1s')");
    expect_failure("return req:body()");
    expect_failure("site 'x.example'");
    expect_failure("pool 'new' { '10.0.0.1:1' }");
}

static void globals_and_libraries_cannot_be_changed(void **state) {
    (void)state;
    expect_failure("counter = 1");
    expect_failure("return conter");
    expect_failure("string.find = nil");
    expect_failure("getmetatable('').__index = nil");
    expect_failure("setmetatable({}, { __gc = function() end })");
    expect_failure("return io.open('/etc/passwd')");
    expect_failure("os.execute('true')");
    expect_failure("load('return 1')");
    expect_failure("require 'os'");
    expect_failure("debug.sethook()");
    expect_failure("collectgarbage('stop')");
    expect_failure("string.dump(print)");
}

static void endless_loops_end(void **state) {
    (void)state;
    uint64_t begin = clock_read_us();
    expect_failure("while true do end");
    expect_failure("while true do pcall(function() while true do end end) end");
    expect_failure("local function f() return f() end f()");
    expect_failure("coroutine.wrap(function() while true do end end)()");
    expect_failure("local co = coroutine.create(function() while true do end end)\n"
                   "while true do coroutine.resume(co); co = coroutine.create(function() while "
                   "true do end end) end");
    expect_failure(
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) return t[1]");
    expect_failure(
        "for i = 1, 1e9 do string.find('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'b') end");
    expect_failure("xpcall(function() while true do end end, function() while true do end end)");
    expect_failure(
        "coroutine.wrap(function()\n"
        "local x <close> = setmetatable({}, { __close = function() while true do end end })\n"
        "while true do end end)()");
    expect_failure(
        "local x <close> = setmetatable({}, { __close = function() while true do end end })\n"
        "while true do end");
    expect_failure("for i in next, {}, nil, setmetatable({}, { __close = function() while true do "
                   "end end }) do end");
    expect_failure(
        "local co = coroutine.create(function()\n"
        "local x <close> = setmetatable({}, { __close = function() while true do end end })\n"
        "while true do end end) coroutine.resume(co) coroutine.close(co)");
    // Sanitizers make this slow; without them it takes a tenth.
    assert_in_range(clock_read_us() - begin, 0, 20000000);
}

static void patterns_that_burn_time_are_refused(void **state) {
    (void)state;
    expect_failure("local s = string.rep('a', 160) return s:find('.-.-.-.-.-b')");
    expect_failure("local s = string.rep('a', 100000) return s:match('.-b')");
    expect_failure("return string.gsub(string.rep('a', 160), '(.-)(.-)(.-)(.-)b', '')");
    struct fixture f = with_function(
        "local m = "
        "('/user/alice/webapps/a.example/reload'):match('^/user/([^/]+)/webapps/([%w.-]+)/"
        "reload$')\n"
        "return respond(200, m .. tostring(string.rep('x', 100000):find('xy', 1, true)))");
    ask(&f, "w.example", "/x");
    assert_slice(f.answer.body, "alicenil");
    unload(&f);
}

static void memory_is_bounded(void **state) {
    (void)state;
    expect_failure("local t = {} for i = 1, 1e9 do t[i] = { i } end");
    expect_failure("local s = 'x' while true do s = s .. s end");
    expect_failure("return string.rep('x', 1e9)");
    expect_failure("return table.move({}, 1, 1e12, 2)");
    struct fixture f = with_function(
        "if req.query.bad then local s = 'x' while true do s = s .. s end end return a");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(&f, "w.example", "/x?bad=1")->refused, REFUSED_SCRIPT);
        assert_string_equal(member_for(&f, "w.example", "/x"), "10.0.0.1:1");
    }
    unload(&f);
}

static void a_request_that_was_kept_is_over(void **state) {
    (void)state;
    struct fixture f = load_good(
        "local kept\nlocal a = pool 'a' { '10.0.0.1:1' }\nsite '*' { route = function(req)\n"
        "if kept then return respond(200, kept.host) end\nkept = req\nreturn a end }");
    assert_int_equal(ask(&f, "w.example", "/x")->kind, ANSWER_POOL);
    assert_int_equal(ask(&f, "w.example", "/x")->refused, REFUSED_SCRIPT);
    unload(&f);
}

int main(void) {
    log_set_level(LOG_LEVEL_ERROR + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_may_return_a_pool),
        cmocka_unit_test(a_function_may_return_nothing_and_that_is_no_path),
        cmocka_unit_test(a_key_given_by_a_function_goes_through_the_host_name_function),
        cmocka_unit_test(a_hash_pool_returned_by_itself_uses_its_own_key),
        cmocka_unit_test(a_member_can_be_named),
        cmocka_unit_test(a_function_may_respond_with_fields),
        cmocka_unit_test(what_would_break_the_framing_is_not_sent),
        cmocka_unit_test(a_redirect_cannot_break_the_line),
        cmocka_unit_test(the_request_can_be_read),
        cmocka_unit_test(fields_are_assigned_and_removed_for_the_backend),
        cmocka_unit_test(a_split_is_the_same_for_the_same_key_and_near_its_shares),
        cmocka_unit_test(an_error_is_a_failure_and_the_next_request_works),
        cmocka_unit_test(wrong_answers_are_failures),
        cmocka_unit_test(what_is_not_there_yet_says_so),
        cmocka_unit_test(globals_and_libraries_cannot_be_changed),
        cmocka_unit_test(endless_loops_end),
        cmocka_unit_test(patterns_that_burn_time_are_refused),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_request_that_was_kept_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
