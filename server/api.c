// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/check.h"
#include "http/message/field.h"
#include "routing/path.h"
#include "server/api_parts.h"

enum { ARENA_FIRST = 4096, ARENA_MAX = 32 << 20, WORDS_MAX = 1024, TAG_MAX = 24 };

// "*" is one segment of the path: the first is the pool's name, the second a member's address or a key.
struct resource {
    const char *pattern, *method;
    api_fn *answer;
};
static const struct resource RESOURCES[] = {
    {"/v1/explain", "POST", api_explain},
    {"/v1/lua", "GET", api_show_lua},
    {"/v1/pools", "GET", api_list_pools},
    {"/v1/pools/*", "GET", api_show_pool},
    {"/v1/pools/*", "PATCH", api_patch_pool},
    {"/v1/pools/*", "PUT", api_put_pool},
    {"/v1/pools/*/members/*", "DELETE", api_delete_member},
    {"/v1/pools/*/members/*", "GET", api_show_member},
    {"/v1/pools/*/members/*", "PATCH", api_patch_member},
    {"/v1/pools/*/members/*", "PUT", api_put_member},
    {"/v1/pools/*/pauses", "GET", api_list_pauses},
    {"/v1/pools/*/pauses/*", "DELETE", api_resume_key},
    {"/v1/pools/*/pauses/*", "PUT", api_pause_key},
    {"/v1/pools/*/plan", "POST", api_plan},
};

static bool fits(struct api_call *c, const char *pattern);
static bool find_pool(struct api_call *c);
static void run(struct api_call *c, const struct resource *resource, const char *methods);
static void format_tag(struct api_call *c, const struct table_entry *entries, size_t count,
                       char tag[TAG_MAX]);

bool api_answer(const struct admin_calls *conf, const struct local_request *request,
                struct local_reply *r) {
    struct api_call c = {.conf = conf, .request = request, .reply = r};
    const struct resource *found = NULL;
    char methods[64] = "";
    c.arena = arena_new(ARENA_FIRST, ARENA_MAX);
    for (size_t i = 0; i < sizeof RESOURCES / sizeof *RESOURCES && !found; i++) {
        const struct resource *one = &RESOURCES[i];
        if (!fits(&c, one->pattern)) continue;
        size_t len = strlen(methods);
        snprintf(methods + len, sizeof methods - len, "%s%s", len ? ", " : "",
                 api_methods_with(one->method));
        if (slice_equals(request->method, slice_of(one->method))) found = one;
    }
    if (methods[0]) run(&c, found, methods);
    arena_free(c.arena);
    return methods[0] != '\0';
}

static void run(struct api_call *c, const struct resource *resource, const char *methods) {
    if (!resource)
        api_refuse_method(c->reply, methods);
    else if (!c->name.at || find_pool(c))
        resource->answer(c);
    else
        api_refuse(c, 404, "", "there is no pool \"%.*s\"", SLICE_ARGS(c->name));
}

// Segment by segment.
static bool fits(struct api_call *c, const char *pattern) {
    struct slice wanted = slice_of(pattern), path = c->request->path;
    c->name = c->address = (struct slice){0};
    while (wanted.at && path.at) {
        struct slice part = slice_cut(&wanted, '/'), segment = slice_cut(&path, '/');
        bool is_any = slice_equals(part, SLICE("*"));
        if (!is_any && !slice_equals(part, segment)) return false;
        if (!is_any) continue;
        struct slice *out = c->name.at ? &c->address : &c->name;
        if (!path_decode(c->arena, segment, out) || out->len == 0) return false;
    }
    return !wanted.at && !path.at;
}

static bool find_pool(struct api_call *c) {
    const struct config *config = c->conf->generation(c->conf->arg)->config;
    for (size_t i = 0; i < config->pool_count && !c->pool; i++)
        if (slice_equals(slice_of(config->pools[i]->table_name), c->name))
            c->pool = config->pools[i];
    return c->pool != NULL;
}

// --- who asks ---

const char *api_who(const struct local_request *request, char buf[API_WHO_MAX]) {
    struct ucred who;
    socklen_t len = sizeof who;
    char ip[ADDRESS_TEXT_MAX];
    bool is_local = request->client->any.sa_family == AF_UNIX;
    if (!is_local)
        snprintf(buf, API_WHO_MAX, "%s by token", address_format_ip(request->client, ip));
    else if (getsockopt(request->client_fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
        snprintf(buf, API_WHO_MAX, "uid %u pid %d", who.uid, (int)who.pid);
    else
        snprintf(buf, API_WHO_MAX, "somebody unknown");
    return buf;
}

// --- answers ---

void api_give(struct api_call *c, int status, json_t *value) {
    char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;
    json_decref(value);
    CHECK(text);
    struct text page;
    text_init(&page, LOCAL_ANSWER_MAX);
    text_printf(&page, "%s\n", text);
    free(text);
    if (page.is_cut)
        api_refuse_plainly(c->reply, 500, "the answer would be too long");
    else
        local_answer(c->reply, status, "application/json", text_slice(&page));
    text_fini(&page);
}

void api_refuse(struct api_call *c, int status, const char *pointer, const char *format, ...) {
    char words[WORDS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    json_t *error = json_string(words), *where = json_string(pointer);
    if (!error) error = json_string("what is wrong cannot be said in UTF-8");
    if (!where) where = json_string("");
    api_give(c, status,
             json_pack("{s:i, s:o, s:o}", "status", status, "error", error, "pointer", where));
}

void api_refuse_json(struct api_call *c, const struct json_reader *r) {
    api_refuse(c, 400, r->pointer, "%s", r->why);
}

const char *api_methods_with(const char *method) {
    return strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
}

void api_refuse_method(struct local_reply *r, const char *methods) {
    struct api_call c = {.reply = r};
    local_set_field(r, "Allow", slice_of(methods));
    api_refuse(&c, 405, "", "there is %s", methods);
}

void api_refuse_plainly(struct local_reply *r, int status, const char *words) {
    struct api_call c = {.reply = r};
    api_refuse(&c, status, "", "%s", words);
}

// --- lists and their tags ---

bool api_list(struct api_call *c, const struct table_entry **entries, size_t *count) {
    if (pools_list(c->conf->pools, c->pool, entries, count)) return true;
    api_refuse(c, 507, "", "the table of backends had no room for this pool");
    return false;
}

void api_tag(struct api_call *c, const struct table_entry *entries, size_t count) {
    char tag[TAG_MAX];
    format_tag(c, entries, count, tag);
    local_set_field(c->reply, "ETag", slice_of(tag));
}

static void format_tag(struct api_call *c, const struct table_entry *entries, size_t count,
                       char tag[TAG_MAX]) {
    uint64_t digest = table_digest(scoreboard_table(c->conf->board), entries, count);
    snprintf(tag, TAG_MAX, "\"%016llx\"", (unsigned long long)digest);
}

bool api_is_match(struct api_call *c, const struct table_entry *entries, size_t count) {
    const struct field *f = fields_find_name(c->request->fields, SLICE("If-Match"));
    char tag[TAG_MAX];
    format_tag(c, entries, count, tag);
    if (!f) return true;
    for (; f; f = fields_find_next(c->request->fields, f)) {
        struct slice rest = f->value, element;
        while (list_next(&rest, &element))
            if (slice_equals(element, slice_of(tag)) || slice_equals(element, SLICE("*")))
                return true;
    }
    api_tag(c, entries, count);
    api_refuse(c, 412, "", "the pool has changed meanwhile: its tag is %s now", tag);
    return false;
}
