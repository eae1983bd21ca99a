// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/admin.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "http/message/field.h"
#include "routing/decide.h"
#include "server/admin_pages.h"
#include "server/api.h"

enum { TRIAL_MOST_S = 86400, RELOADS_MAX = 32, PAGE_MAX = 1 << 20, METRICS_MAX = 4 << 20 };

// Somebody who waits for the end of a reload.
struct waiting {
    unsigned request;          // 0: this place is free
    struct local_reply *reply; // NULL: went away
    bool wants_text;
};

struct admin {
    struct admin_calls conf;
    unsigned last_request;
    struct waiting waiting[RELOADS_MAX];
};

typedef void page_fn(struct admin *a, const struct local_request *request, struct local_reply *r,
                     void (**cancel)(void *reply_arg), void **cancel_arg);
struct page {
    const char *path, *method;
    page_fn *answer;
};

static bool has_two_tokens(const struct local_request *request);
static page_fn find_page, list_requests, kill_request, read_log, give_status, give_metrics,
    begin_reload, confirm_reload, give_explanation;
static void ask_supervisor(struct admin *a, enum order_type what,
                           const struct local_request *request, struct local_reply *r,
                           void (**cancel)(void *reply_arg), void **cancel_arg);
static bool read_trial(struct slice query, bool *wants_text, unsigned *trial_ms);
static bool fits(const char *pattern, struct slice path);
static bool may_ask(const struct admin *a, const struct local_request *request);
static bool is_same(struct slice a, struct slice b);
static void say(struct local_reply *r, int status, const char *words);
static void forget(void *waiting);
static void give_end(const struct waiting *w, int exit_status, struct slice lines);

// clang-format off
static const struct page PAGES[] = {
    {"/explain",    "POST", give_explanation},
    {"/metrics",    "GET",  give_metrics},
    {"/reload",     "POST", begin_reload},
    {"/status",     "GET",  give_status},
    {"/v1/confirm", "POST", confirm_reload},
    {"/v1/metrics", "GET",  give_metrics},
    {"/v1/reload",  "POST", begin_reload},
    {"/v1/requests", "GET", list_requests},
    {"/v1/requests/*", "DELETE", kill_request},
    {"/v1/status",  "GET",  give_status},
    {"/v1/tail",    "GET",  read_log},
};
// clang-format on

struct admin *admin_new(const struct admin_calls *conf) {
    struct admin *a = calloc(1, sizeof *a);
    CHECK(a);
    // A control that was replaced has asked with other numbers: their answers are not for us.
    *a = (struct admin){.conf = *conf, .last_request = (unsigned)getpid() << 12};
    return a;
}

void admin_free(struct admin *a) {
    free(a);
}

// HEAD is answered as GET; that its content is not sent is the exchange's (RFC 9110 section 9.3.2).
void admin_answer(void *arg, const struct local_request *request, struct local_reply *r,
                  void (**cancel)(void *reply_arg), void **cancel_arg) {
    struct local_request asked = *request;
    if (slice_equals(request->method, SLICE("HEAD"))) asked.method = SLICE("GET");
    if (has_two_tokens(request))
        api_refuse_plainly(r, 400, "there is more than one Authorization");
    else if (may_ask(arg, request))
        find_page(arg, &asked, r, cancel, cancel_arg);
    else {
        local_set_field(r, "WWW-Authenticate", SLICE("Bearer"));
        api_refuse_plainly(r, 401, "by network, this needs the token: Authorization: Bearer ...");
    }
}

static bool has_two_tokens(const struct local_request *request) {
    const struct field *first = fields_find(request->fields, FIELD_AUTHORIZATION);
    return first && fields_find_next(request->fields, first);
}

static void find_page(struct admin *a, const struct local_request *request, struct local_reply *r,
                      void (**cancel)(void *reply_arg), void **cancel_arg) {
    for (size_t i = 0; i < sizeof PAGES / sizeof PAGES[0]; i++) {
        if (!fits(PAGES[i].path, request->path)) continue;
        if (slice_equals(request->method, slice_of(PAGES[i].method)))
            PAGES[i].answer(a, request, r, cancel, cancel_arg);
        else
            api_refuse_method(r, api_methods_with(PAGES[i].method));
        return;
    }
    if (!api_answer(&a->conf, request, r))
        api_refuse_plainly(r, 404, "there is no such page (see rsp-api(7))");
}

// "/*" at the end: and one more segment.
static bool fits(const char *pattern, struct slice path) {
    struct slice wanted = slice_of(pattern);
    bool is_open = wanted.len > 0 && wanted.at[wanted.len - 1] == '*';
    if (!is_open) return slice_equals(path, wanted);
    wanted.len--;
    return slice_starts_with(path, wanted) && path.len > wanted.len &&
           slice_find(slice_skip(path, wanted.len), '/') < 0;
}

// The unix socket goes by its mode.
static bool may_ask(const struct admin *a, const struct local_request *request) {
    if (!request->listen->is_tls) return true;
    const char *token = a->conf.generation(a->conf.arg)->config->admin.token;
    const struct field *f = fields_find(request->fields, FIELD_AUTHORIZATION);
    struct slice given = f ? f->value : (struct slice){0};
    bool is_bearer = given.len > 7 && strncasecmp(given.at, "Bearer ", 7) == 0;
    if (token && is_bearer && is_same(slice_trim(slice_skip(given, 7)), slice_of(token)))
        return true;
    char who[API_WHO_MAX];
    log_repeated(LOG_LEVEL_WARN, "admin token", "%s: the admin API was asked without its token",
                 address_format_ip(request->client, who));
    return false;
}

// Takes as long wherever the first difference is.
static bool is_same(struct slice a, struct slice b) {
    unsigned char differs = 0;
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) differs |= (unsigned char)(a.at[i] ^ b.at[i]);
    return differs == 0;
}

static void say(struct local_reply *r, int status, const char *words) {
    local_answer(r, status, "text/plain; charset=utf-8", slice_of(words));
}

static void give_status(struct admin *a, const struct local_request *request, struct local_reply *r,
                        void (**cancel)(void *reply_arg), void **cancel_arg) {
    (void)request, (void)cancel, (void)cancel_arg;
    struct text page, more;
    text_init(&page, PAGE_MAX);
    text_init(&more, PAGE_MAX);
    a->conf.add_status(a->conf.arg, &more);
    admin_write_status(a->conf.board, a->conf.generation(a->conf.arg)->number,
                       state_path(a->conf.state), text_slice(&more), &page);
    local_answer(r, 200, "application/json", text_slice(&page));
    text_fini(&more);
    text_fini(&page);
}

static void give_metrics(struct admin *a, const struct local_request *request,
                         struct local_reply *r, void (**cancel)(void *reply_arg),
                         void **cancel_arg) {
    (void)request, (void)cancel, (void)cancel_arg;
    struct text page;
    text_init(&page, METRICS_MAX);
    admin_write_metrics(a->conf.board, a->conf.generation(a->conf.arg)->number, &page);
    a->conf.add_metrics(a->conf.arg, &page);
    local_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8", text_slice(&page));
    text_fini(&page);
}

static void give_explanation(struct admin *a, const struct local_request *request,
                             struct local_reply *r, void (**cancel)(void *reply_arg),
                             void **cancel_arg) {
    (void)cancel, (void)cancel_arg;
    struct slice rest = request->body;
    struct slice method = slice_cut(&rest, '\n');
    struct slice url = slice_cut(&rest, '\n');
    struct slice from = slice_trim(slice_cut(&rest, '\n'));
    struct address client;
    if (from.len && !address_parse_ip(from, 0, &client)) {
        say(r, 400, "the client's address is no IP address\n");
        return;
    }
    struct text words;
    text_init(&words, PAGE_MAX);
    bool good = route_explain(a->conf.generation(a->conf.arg)->config, slice_trim(method),
                              slice_trim(url), from.len ? &client : NULL, &words);
    local_answer(r, good ? 200 : 400, "text/plain; charset=utf-8", text_slice(&words));
    text_fini(&words);
}

// --- what runs ---

static void list_requests(struct admin *a, const struct local_request *request,
                          struct local_reply *r, void (**cancel)(void *reply_arg),
                          void **cancel_arg) {
    struct slice value = request->query, name = slice_cut(&value, '=');
    uint64_t ms = 0;
    bool has_query = request->query.len > 0;
    if (has_query &&
        (!slice_equals(name, SLICE("slower")) || !slice_to_u64(value, &ms) || ms > INT32_MAX))
        api_refuse_plainly(r, 400, "the query may have slower=MILLISECONDS");
    else
        questions_list(a->conf.questions, (unsigned)ms, r, cancel, cancel_arg);
}

static void kill_request(struct admin *a, const struct local_request *request,
                         struct local_reply *r, void (**cancel)(void *reply_arg),
                         void **cancel_arg) {
    struct slice id = slice_skip(request->path, sizeof "/v1/requests/" - 1);
    char who[API_WHO_MAX];
    log_audit("%s: kill request %.*s", api_who(request, who), SLICE_ARGS(id));
    questions_kill(a->conf.questions, id, r, cancel, cancel_arg);
}

static void read_log(struct admin *a, const struct local_request *request, struct local_reply *r,
                     void (**cancel)(void *reply_arg), void **cancel_arg) {
    tail_answer(a->conf.tail, request, r, cancel, cancel_arg);
}

// --- reload ---

static void begin_reload(struct admin *a, const struct local_request *request,
                         struct local_reply *r, void (**cancel)(void *reply_arg),
                         void **cancel_arg) {
    ask_supervisor(a, ORDER_RELOAD, request, r, cancel, cancel_arg);
}

static void confirm_reload(struct admin *a, const struct local_request *request,
                           struct local_reply *r, void (**cancel)(void *reply_arg),
                           void **cancel_arg) {
    ask_supervisor(a, ORDER_CONFIRM, request, r, cancel, cancel_arg);
}

static void ask_supervisor(struct admin *a, enum order_type what,
                           const struct local_request *request, struct local_reply *r,
                           void (**cancel)(void *reply_arg), void **cancel_arg) {
    struct waiting *w = a->waiting;
    unsigned trial_ms = 0;
    bool wants_text = false;
    if (!read_trial(request->query, &wants_text, &trial_ms)) {
        api_refuse_plainly(r, 400, "the query may have text and trial=SECONDS, 1 to 86400");
        return;
    }
    while (w < a->waiting + RELOADS_MAX && w->request) w++;
    if (w == a->waiting + RELOADS_MAX) {
        say(r, 503, "too many wait for a reload already\n");
        return;
    }
    char who[API_WHO_MAX];
    log_audit("%s: %s", api_who(request, who), what == ORDER_RELOAD ? "reload" : "confirm");
    if (++a->last_request == 0) a->last_request = 1;
    struct order order = {.number = a->last_request, .value = trial_ms};
    if (!a->conf.ask(a->conf.arg, what, order, (struct slice){0})) {
        say(r, 503, "the supervisor cannot be asked\n");
        return;
    }
    *w = (struct waiting){.request = a->last_request, .reply = r, .wants_text = wants_text};
    *cancel = forget;
    *cancel_arg = w;
}

static bool read_trial(struct slice query, bool *wants_text, unsigned *trial_ms) {
    while (query.at && query.len > 0) {
        struct slice value = slice_cut(&query, '&'), name = slice_cut(&value, '=');
        uint64_t seconds;
        if (slice_equals(name, SLICE("text")) && !value.at)
            *wants_text = true;
        else if (slice_equals(name, SLICE("trial")) && slice_to_u64(value, &seconds) &&
                 seconds > 0 && seconds <= TRIAL_MOST_S)
            *trial_ms = (unsigned)seconds * 1000;
        else
            return false;
    }
    return true;
}

static void forget(void *waiting) {
    ((struct waiting *)waiting)->reply = NULL;
}

void admin_reload_ended(struct admin *a, unsigned request, int exit_status, struct slice lines) {
    for (struct waiting *w = a->waiting; w < a->waiting + RELOADS_MAX; w++) {
        if (w->request != request) continue;
        struct waiting ended = *w;
        *w = (struct waiting){0};
        if (ended.reply) give_end(&ended, exit_status, lines);
        return;
    }
}

static void give_end(const struct waiting *w, int exit_status, struct slice lines) {
    struct text page;
    text_init(&page, LOCAL_ANSWER_MAX);
    if (w->wants_text)
        text_printf(&page, "exit %d\n%.*s", exit_status, SLICE_ARGS(lines));
    else
        admin_write_reload(exit_status, lines, &page);
    local_answer(w->reply, 200, w->wants_text ? "text/plain; charset=utf-8" : "application/json",
                 text_slice(&page));
    text_fini(&page);
}
