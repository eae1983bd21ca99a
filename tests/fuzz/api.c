// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The admin API. An input is METHOD, path and query, perhaps an If-Match, a line, and then the body. Whatever is asked: it is answered
// once; a refusal is JSON with a pointer and changes nothing; no pool has a member twice; what was edited can be asked for.
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "http/generation.h"
#include "http/message/field.h"
#include "server/api.h"
#include "server/pool_edit.h"
#include "server/scoreboard.h"
#include "tests/fuzz/fuzz.h"

static const char ROUTES[] =
    "pool 'live' { 'a:1', { 'b:1', weight = 2 }, live = true, queue = { max = 3 } }\n"
    "pool 'fixed' { 'a:1', 'b:1', balance = 'hash', key = '{host}' }\n"
    "site 'f.example' { to = pool 'fixed' } site '*' { to = pool 'live' }";

enum { TEXT_MAX = 1 << 16, LOCAL_REPLY_FIELDS_MAX = 4 };

// The stage stands in for http/local_answer.c.
struct local_reply {
    int answers, status, fields;
};
static struct generation generation;
static struct admin_calls calls;
static struct address client;

void local_answer(struct local_reply *r, int status, const char *content_type, struct slice body) {
    CHECK(content_type && status >= 200 && status < 600 && ++r->answers == 1);
    r->status = status;
    if (status < 400) return;
    json_t *root = json_loadb(body.at, body.len, 0, NULL);
    const char *pointer = json_string_value(json_object_get(root, "pointer"));
    CHECK(json_integer_value(json_object_get(root, "status")) == status);
    CHECK(json_string_length(json_object_get(root, "error")) > 0);
    CHECK(pointer && (pointer[0] == '\0' || pointer[0] == '/'));
    json_decref(root);
}

void local_set_field(struct local_reply *r, const char *name, struct slice value) {
    CHECK(name && value.at && ++r->fields <= LOCAL_REPLY_FIELDS_MAX);
}

static const struct generation *generation_of(void *arg) {
    (void)arg;
    return &generation;
}

static bool describe_nobody(void *arg, uint32_t slot, struct text *out) {
    (void)arg, (void)slot, (void)out;
    return false;
}

static void set_up(void) {
    struct text words;
    if (calls.board) return;
    log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    text_init(&words, TEXT_MAX);
    generation.files = files_new();
    generation.config = config_load_text(generation.files, "rsp.lua", slice_of(ROUTES), &words);
    CHECK(generation.config && address_parse(SLICE("127.0.0.1:1"), &client));
    calls = (struct admin_calls){
        .board = scoreboard_new(), .generation = generation_of, .describe_member = describe_nobody};
    calls.pools = pools_new(scoreboard_table(calls.board));
    pools_merge(calls.pools, generation.config, &words);
    uint32_t *row = calloc(1, table_row_bytes());
    CHECK(row);
    config_attach(generation.config, scoreboard_table(calls.board), row);
    text_fini(&words);
}

static int ask(struct slice method, struct slice path, struct slice match, struct slice body) {
    struct arena *a = arena_new(4096, 1 << 20);
    struct fields fields = {0};
    struct slice query = path;
    path = slice_cut(&query, '?');
    if (match.len > 0)
        fields_add(&fields, a, field_id_of(SLICE("If-Match")), SLICE("If-Match"), match);
    struct local_request request = {.method = method,
                                    .path = path,
                                    .query = query,
                                    .fields = &fields,
                                    .body = body,
                                    .client = &client,
                                    .client_fd = -1};
    struct local_reply reply = {0};
    bool is_known = api_answer(&calls, &request, &reply);
    CHECK(reply.answers == is_known);
    arena_free(a);
    return reply.status;
}

static void check_members(void) {
    const struct table *t = scoreboard_table(calls.board);
    const struct table_entry *entries;
    size_t count;
    for (size_t p = 0; p < generation.config->pool_count; p++) {
        CHECK(pools_list(calls.pools, generation.config->pools[p], &entries, &count));
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < i; k++)
                CHECK(strcmp(table_text(t, entries[i].slot), table_text(t, entries[k].slot)) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    set_up();
    struct slice body = {(const char *)bytes, len}, nothing = {0};
    struct slice match = slice_cut(&body, '\n'), method = slice_cut(&match, ' '),
                 path = slice_cut(&match, ' ');
    uint64_t before = table_version(scoreboard_table(calls.board));
    int status = ask(method, path, match, body);
    uint64_t after = table_version(scoreboard_table(calls.board));
    CHECK(after == before || (status >= 200 && status < 300 && after == before + 1));
    check_members();
    CHECK(ask(SLICE("GET"), SLICE("/v1/pools/live"), nothing, nothing) == 200);
    // the next input finds what this one found
    CHECK(ask(SLICE("PUT"), SLICE("/v1/pools/live"), nothing,
              SLICE("{\"members\": [\"a:1\", {\"address\": \"b:1\", \"weight\": 2}]}")) < 300);
    return 0;
}
