// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/route_test.h"

#include <stdlib.h>

#include "routing/loader.h"
#include "routing/path.h"
#include "routing/probe.h"

struct outcome {
    struct probe probe;
    struct route_answer answer;
    const struct member *backend;
    const struct rule *path;
    struct rule *rule; // that answered: the path's, or the site's
    bool is_moved;     // to HTTPS, before that
};

static bool run_test(const struct config *c, const struct route_test *test, struct pointers *asked,
                     struct text *why);
static void note_backend(struct pointers *seen, const struct member *backend);
static bool ask(const struct config *c, const struct route_test *test, struct slice line,
                struct arena *a, struct outcome *o, struct text *why);
static bool meets(const struct route_test *test, const struct outcome *o, struct slice line,
                  struct text *why);
static void say_moved(const struct outcome *o, struct text *why);
static struct slice found(const struct outcome *o, enum expectation e);
static int status_of(const struct route_answer *answer);
static bool sends(const struct route_test *test, const struct outcome *o, struct slice line,
                  struct text *why);
static struct slice sent_field(const struct outcome *o, struct slice name,
                               char ip[ADDRESS_TEXT_MAX]);
static bool has_same_backend(const struct outcome *o, const struct member *first, struct slice line,
                             struct text *why);

int route_tests_run(struct files *files, const char *path, struct text *out) {
    struct pointers tests = {NULL, 0, 0}, asked = {NULL, 0, 0};
    struct config *c = config_load_tests(files, path, out, &tests);
    int failed = c ? 0 : -1;
    for (size_t i = 0; c && i < tests.count; i++) {
        const struct route_test *test = tests.at[i];
        struct text why;
        text_init(&why, 8192);
        if (run_test(c, test, &asked, &why)) {
            text_printf(out, "ok      %s\n", test->name);
        } else {
            failed++;
            text_printf(out, "FAILED  %s (%s:%d): %s\n", test->name, test->place.file,
                        test->place.line, text_string(&why));
        }
        text_fini(&why);
    }
    if (c) text_printf(out, "%zu passed, %d failed\n", tests.count - (size_t)failed, failed);
    if (c) coverage_report(c, &asked, out);
    free(tests.at);
    free(asked.at);
    config_free(c);
    return failed;
}

static bool run_test(const struct config *c, const struct route_test *test, struct pointers *asked,
                     struct text *why) {
    struct arena *a = arena_new(65536, 64u << 20);
    struct pointers seen = {NULL, 0, 0}; // different backends, in the order of their first request
    bool is_good = true;
    for (size_t i = 0; is_good && i < test->request_count; i++) {
        struct slice line = test->requests[i];
        for (unsigned n = 0; is_good && n < test->times; n++) {
            arena_reset(a);
            struct outcome *o = arena_zalloc(a, sizeof *o);
            is_good = ask(c, test, line, a, o, why) && meets(test, o, line, why) &&
                      sends(test, o, line, why);
            if (is_good && test->is_same_backend)
                is_good = has_same_backend(o, seen.count ? seen.at[0] : NULL, line, why);
            note_backend(&seen, o->backend);
            if (n == 0 && o->rule) pointers_add(asked, o->rule);
        }
    }
    if (is_good && test->backends && seen.count != test->backends) {
        text_printf(why, "expected %u different backends, found %zu", test->backends, seen.count);
        is_good = false;
    }
    free(seen.at);
    arena_free(a);
    return is_good;
}

static void note_backend(struct pointers *seen, const struct member *backend) {
    bool is_new = backend != NULL;
    for (size_t i = 0; is_new && i < seen->count; i++) is_new = seen->at[i] != backend;
    if (is_new) pointers_add(seen, (void *)(uintptr_t)backend);
}

static bool ask(const struct config *c, const struct route_test *test, struct slice line,
                struct arena *a, struct outcome *o, struct text *why) {
    struct slice url = line, method = slice_cut(&url, ' ');
    struct address from;
    bool has_from = test->from && (address_parse_ip(slice_of(test->from), 0, &from) ||
                                   address_parse(slice_of(test->from), &from));
    if (!url.at) {
        url = method;
        method = SLICE("GET");
    }
    if (test->from && !has_from) {
        text_printf(why, "from = \"%s\" is no address", test->from);
        return false;
    }
    if (!probe_init(&o->probe, a, method, slice_trim(url), has_from ? &from : NULL, why))
        return false;
    for (unsigned i = 0; i < test->field_count; i++)
        probe_add_field(&o->probe, test->fields[i].name, test->fields[i].value);
    route_decide(c, &o->probe.request, a, &o->answer);
    o->is_moved = test->has_certificate && probe_moved_by(c, &o->probe, &o->answer);
    if (o->is_moved) route_to_https(c, &o->probe.request, a, &o->answer);
    if (o->answer.kind == ANSWER_POOL && test->times > 1)
        o->backend = pool_choose(o->answer.pool, &o->answer, &(struct left_out){0}, a);
    else if (o->answer.kind == ANSWER_POOL)
        o->backend = probe_choose(&o->answer, a).chosen;
    const struct site *site = o->answer.site;
    if (site) o->rule = site->rule;
    struct rule *rule = NULL;
    struct captures captures;
    if (site && site->rule->action == ACTION_PATHS &&
        path_tree_find(site->rule->paths, a, o->probe.request.path, &rule, &captures) == PATH_FOUND)
        o->path = o->rule = rule;
    return true;
}

static bool meets(const struct route_test *test, const struct outcome *o, struct slice line,
                  struct text *why) {
    static const char *const names[] = {"location", "body", "pool", "backend",
                                        "key",      "site", "path"};
    int status = status_of(&o->answer);
    if (test->status && status == 0) {
        text_printf(why, "%.*s: expected status %u, but pool \"%s\" answers", SLICE_ARGS(line),
                    test->status, o->answer.pool->name);
        return false;
    }
    if (test->status && (unsigned)status != test->status) {
        text_printf(why, "%.*s: expected status %u, found %d%s%s", SLICE_ARGS(line), test->status,
                    status, o->answer.kind == ANSWER_REFUSED ? ": " : "",
                    o->answer.kind == ANSWER_REFUSED ? refused_text(o->answer.refused) : "");
        say_moved(o, why);
        return false;
    }
    for (int e = 0; e < EXPECT_COUNT; e++) {
        struct slice is = found(o, (enum expectation)e);
        if (!test->expect[e] || slice_equals(is, slice_of(test->expect[e]))) continue;
        text_printf(why, "%.*s: expected %s \"%s\", found %s%.*s%s", SLICE_ARGS(line), names[e],
                    test->expect[e], is.at ? "\"" : "none", SLICE_ARGS(is), is.at ? "\"" : "");
        say_moved(o, why);
        return false;
    }
    return true;
}

static void say_moved(const struct outcome *o, struct text *why) {
    if (o->is_moved)
        text_add(why, SLICE(" (sent to HTTPS, as a name with a certificate is; certificate = false "
                            "in the test: it has none)"));
}

static struct slice found(const struct outcome *o, enum expectation e) {
    const struct route_answer *answer = &o->answer;
    switch (e) {
    case EXPECT_LOCATION: return answer->location;
    case EXPECT_BODY: return answer->body;
    case EXPECT_POOL: return slice_of(answer->pool ? answer->pool->name : NULL);
    case EXPECT_BACKEND: return slice_of(o->backend ? o->backend->text : NULL);
    case EXPECT_KEY: return answer->key;
    case EXPECT_SITE: return slice_of(answer->site ? answer->site->name : NULL);
    case EXPECT_PATH: return slice_of(o->path ? o->path->pattern : NULL);
    case EXPECT_COUNT: break;
    }
    return (struct slice){NULL, 0};
}

// 0: the backend's.
static int status_of(const struct route_answer *answer) {
    if (answer->kind == ANSWER_POOL) return 0;
    if (answer->kind == ANSWER_REFUSED) return refused_status(answer->refused);
    return answer->status;
}

// The request as the backend gets it, as far as routing and our own fields go.
static bool sends(const struct route_test *test, const struct outcome *o, struct slice line,
                  struct text *why) {
    char ip[ADDRESS_TEXT_MAX];
    for (unsigned i = 0; i < test->sent_count; i++) {
        const struct answer_field *f = &test->sent[i];
        if (o->answer.kind != ANSWER_POOL) {
            text_printf(why, "%.*s: nothing is sent, rsp answers itself", SLICE_ARGS(line));
            return false;
        }
        struct slice is = sent_field(o, f->name, ip);
        if (f->value.at ? is.at && slice_equals(is, f->value) : !is.at) continue;
        text_printf(why, "%.*s: expected %.*s %s%.*s%s to be sent, found %s%.*s%s",
                    SLICE_ARGS(line), SLICE_ARGS(f->name), f->value.at ? "\"" : "not",
                    SLICE_ARGS(f->value), f->value.at ? "\"" : "", is.at ? "\"" : "none",
                    SLICE_ARGS(is), is.at ? "\"" : "");
        return false;
    }
    return true;
}

static struct slice sent_field(const struct outcome *o, struct slice name,
                               char ip[ADDRESS_TEXT_MAX]) {
    const struct route_request *r = &o->probe.request;
    struct slice value = {NULL, 0};
    if (slice_equals_nocase(name, SLICE("x-forwarded-for")))
        return slice_of(address_format_ip(r->client, ip));
    if (slice_equals_nocase(name, SLICE("x-forwarded-proto"))) return r->scheme;
    if (slice_equals_nocase(name, SLICE("x-forwarded-host"))) return r->authority;
    if (slice_equals_nocase(name, SLICE("host")) && !o->answer.policy->keeps_host && o->backend) {
        const char *named = o->answer.pool->backend.tls_name;
        return slice_of(named ? named : o->backend->endpoint.text);
    }
    r->field(r->fields, name, 0, &value);
    return value;
}

static bool has_same_backend(const struct outcome *o, const struct member *first, struct slice line,
                             struct text *why) {
    if (!o->backend) {
        text_printf(why, "%.*s: goes to no backend", SLICE_ARGS(line));
        say_moved(o, why);
        return false;
    }
    bool is_certain = o->answer.fixed.at || pool_view(o->answer.pool)->all_count == 1 ||
                      (o->answer.pool->balance == BALANCE_HASH && o->answer.key.at);
    if (!is_certain) {
        text_printf(why, "%.*s: pool \"%s\" does not choose by a key", SLICE_ARGS(line),
                    o->answer.pool->name);
        return false;
    }
    if (!first || first == o->backend) return true;
    text_printf(why, "%.*s: goes to %s, the first one to %s", SLICE_ARGS(line), o->backend->text,
                first->text);
    return false;
}
