// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// A route file either loads, or says why. What loads is printed as a file that loads again, and answers every request with something
// that can be sent. The text ends at the first NUL; behind it stands a path to ask for.
#include "core/check.h"
#include "core/log.h"
#include "routing/loader.h"
#include "tests/fuzz/fuzz.h"

static const struct script_limits limits = {
    .load_bytes = 16 << 20, .call_bytes = 4 << 20, .load_steps = 200000, .call_steps = 20000};

static bool no_field(void *fields, struct slice name, unsigned nth, struct slice *value) {
    (void)fields, (void)name, (void)nth, (void)value;
    return false;
}

static void check_answer(const struct route_answer *answer, struct arena *a) {
    CHECK(answer->policy);
    if (answer->kind == ANSWER_POOL) {
        CHECK(answer->pool && answer->site);
        struct member *m = pool_choose(answer->pool, answer, &(struct left_out){0}, a);
        CHECK(!m || m->weight > 0);
    }
    if (answer->kind == ANSWER_REDIRECT || answer->kind == ANSWER_RESPOND)
        CHECK(answer->status >= 200 && answer->status <= 599);
    for (size_t i = 0; answer->kind == ANSWER_REDIRECT && i < answer->location.len; i++)
        CHECK((unsigned char)answer->location.at[i] > 0x20 &&
              (unsigned char)answer->location.at[i] < 0x7f);
}

static void ask(const struct config *c, struct slice host, struct slice path) {
    struct arena *a = arena_new(4096, 64 << 20);
    struct address client;
    struct route_answer answer;
    struct text out;
    address_parse(SLICE("192.0.2.1:1"), &client);
    struct route_request r = {.method = SLICE("GET"),
                              .scheme = SLICE("https"),
                              .host = host,
                              .authority = host,
                              .path = path,
                              .uri = path,
                              .client = &client,
                              .field = no_field};
    CHECK(route_decide(c, &r, a, &answer) == READY);
    check_answer(&answer, a);
    text_init(&out, 1 << 16);
    route_explain(c, SLICE("GET"),
                  arena_printf(a, "https://%.*s%.*s", SLICE_ARGS(host), SLICE_ARGS(path)), NULL,
                  &out);
    text_fini(&out);
    arena_free(a);
}

static void check_printed(struct files *files, const struct config *c) {
    struct text printed, errors;
    text_init(&printed, 4 << 20);
    text_init(&errors, 1 << 20);
    config_print(c, &printed);
    struct config *again = printed.is_cut
                               ? NULL
                               : config_load_within(files, "printed.lua", text_slice(&printed),
                                                    &errors, NULL, &limits);
    CHECK(again || printed.is_cut || strstr(text_string(&errors), "budget") ||
          strstr(text_string(&errors), "overflow"));
    config_free(again);
    text_fini(&errors);
    text_fini(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct slice path = {(const char *)bytes, len}, text = slice_cut(&path, '\0');
    struct files *files = files_new();
    struct text errors;
    log_set_level(LOG_LEVEL_ERROR + 1);
    text_init(&errors, 1 << 20);
    struct config *c = config_load_within(files, "rsp.lua", text, &errors, NULL, &limits);
    CHECK(c || strstr(text_string(&errors), "nothing was loaded\n") || errors.is_cut);
    if (c) {
        check_printed(files, c);
        ask(c, SLICE("a.example"), SLICE("/user/a/webapps/b.example/reload"));
        ask(c, SLICE("www.b.example"), path.len > 0 ? path : SLICE("/x//%2e%2e/%61;b"));
        ask(c, SLICE(""), SLICE("*"));
    }
    config_free(c);
    text_fini(&errors);
    files_free(files);
    return 0;
}
