// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The life of an exchange, from top to bottom: the table of steps, the engine, then the steps in the order of life.
//
// A step looks at the state, never at the event that woke it, does what can be done now and returns the next step, or STEP_WAIT.
// enter() is the only place that changes the step; exchange_wake() is the engine and the only place that frees. Two pumps run beside the
// line: `upload` (request body, client to backend) and `download` (answer body, backend to client).

#include "http/exchange.h"

#include "core/check.h"
#include "core/clock.h"
#include "http/exchange_parts.h"
#include "http/message/head_rules.h"
#include "http/message/writer.h"

typedef enum step step_fn(struct exchange *x);
typedef unsigned limit_fn(const struct exchange *x); // milliseconds; 0: none

static step_fn read_request_head, choose_backend, answer_locally, filter_request;
static step_fn await_key, await_place, acquire_connection, send_request_head, read_response_head,
    filter_response;
static step_fn send_response_head, relay_bodies, tunnel, answer_ourselves, answer_failure, finish;
static limit_fn head_ms, pause_ms, place_ms, connect_ms, first_byte_ms, no_limit;

struct step_row {
    const char *name;
    step_fn *run;
    limit_fn *limit_ms; // from entering the step, or from the last byte moved
    enum fail if_late;
};

// clang-format off
#define STEP(name, limit, if_late) [STEP_##name] = {#name, name, limit, if_late}
static const struct step_row steps[] = {
    STEP(read_request_head,  head_ms,       FAIL_HEAD_TIMEOUT),
    STEP(choose_backend,     no_limit,      FAIL_NONE),
    STEP(answer_locally,     first_byte_ms,     FAIL_SCRIPT),
    STEP(filter_request,     no_limit,      FAIL_NONE),
    STEP(await_key,          pause_ms,      FAIL_PAUSED),
    STEP(await_place,        place_ms,      FAIL_QUEUE_LATE),
    STEP(acquire_connection, connect_ms,    FAIL_CONNECT_TIMEOUT),
    STEP(send_request_head,  no_limit,      FAIL_NONE),
    STEP(read_response_head, first_byte_ms, FAIL_BACKEND_TIMEOUT),
    STEP(filter_response,    no_limit,      FAIL_NONE),
    STEP(send_response_head, no_limit,      FAIL_NONE),
    STEP(relay_bodies,       no_limit,      FAIL_NONE), // its pumps have theirs: pump_limits()
    STEP(tunnel,             no_limit,      FAIL_NONE),
    STEP(answer_ourselves,   no_limit,      FAIL_NONE),
    STEP(answer_failure,     no_limit,      FAIL_NONE),
    STEP(finish,             no_limit,      FAIL_NONE),
};
#undef STEP
// clang-format on

enum { INTERIM_MAX = 16 }; // 1xx answers before the final one

static void enter(struct exchange *x, enum step next);
static void run_pumps(struct exchange *x);
static void meet_limits(struct exchange *x);
static void notice(struct exchange *x, enum fail why);
static void set_limit(struct exchange *x);
static struct limit limit_of(const struct exchange *x);
static enum fail upload_failure(struct exchange *x);
static const char *end_text(struct exchange *x, const struct stream *s);
static enum step fail(struct exchange *x, enum fail why, const char *text);
static bool may_retry(const struct exchange *x);
static void end_attempt(struct exchange *x);
static enum fail backend_end_reason(const struct exchange *x);
static enum step pass_interim(struct exchange *x);
static void begin_attempt(struct exchange *x);
static void await_response(struct exchange *x);
static enum step cut(struct exchange *x);
static bool may_reuse_backend(const struct exchange *x);
static enum client_end how_to_end(const struct exchange *x);
static void leave(struct exchange *x);
static void free_exchange(struct exchange *x);

// --- the engine ---

struct exchange *exchange_new(struct service *s, const struct client_ops *ops, void *client,
                              const struct client_facts *who) {
    struct exchange *x = take_spare(s);
    x->generation = generation_ref(s->generation);
    x->client_ops = ops;
    x->client = client;
    x->who = who;
    x->at.began = clock_us();
    x->answer.policy = &DEFAULT_POLICY;
    x->wire_before = traffic_of(ops->stream(client));
    s->exchange_count++;
    enter(x, STEP_read_request_head);
    parser_begin_request(x->request_parser, &x->request, x->arena, &who->limits);
    return x;
}

void exchange_wake(void *exchange) {
    struct exchange *x = exchange;
    run_pumps(x);
    meet_limits(x);
    while (x->step != STEP_over) {
        enum step next = steps[x->step].run(x);
        if (next == STEP_WAIT) {
            set_limit(x);
            return;
        }
        enter(x, next);
        run_pumps(x);
        notice(x, upload_failure(x));
    }
    leave(x);
}

void exchange_cut(struct exchange *x) {
    (void)fail(x, FAIL_SHUTDOWN, NULL);
    (void)cut(x);
    record_exchange(x);
    leave(x);
}

void exchange_fail(struct exchange *x, enum fail why) {
    notice(x, why);
    exchange_wake(x);
}

const char *exchange_step(const struct exchange *x) {
    return x->step == STEP_over ? "over" : steps[x->step].name;
}

static void enter(struct exchange *x, enum step next) {
    x->step = next;
    x->step_ms = clock_ms();
}

static void run_pumps(struct exchange *x) {
    if (x->step == STEP_read_response_head) begin_upload(x);
    if (x->upload.state == PUMP_RUNNING) pump_run(&x->upload);
    if (x->download.state == PUMP_RUNNING) pump_run(&x->download);
}

// What may end an exchange at any step before its answer is complete: the request body is broken, the client is gone, something is late.
static void meet_limits(struct exchange *x) {
    enum fail why = upload_failure(x);
    if (why == FAIL_NONE && x->step != STEP_tunnel && x->client_ops->is_gone(x->client))
        why = FAIL_CLIENT_GONE;
    struct limit limit = limit_of(x);
    if (why == FAIL_NONE && clock_ms() >= limit.at_ms) why = limit.fail;
    notice(x, why);
}

static void notice(struct exchange *x, enum fail why) {
    if (why != FAIL_NONE && x->step < STEP_answer_ourselves) enter(x, fail(x, why, NULL));
}

static enum fail upload_failure(struct exchange *x) {
    bool is_wanted = x->upload.job.sink || x->upload.job.kept;
    if (!is_wanted || x->step == STEP_tunnel) return FAIL_NONE;
    if (x->upload.state == PUMP_CUT) return FAIL_CLIENT_GONE;
    if (x->upload.state == PUMP_TOO_LONG) return FAIL_BODY_TOO_LARGE;
    if (x->upload.state != PUMP_BAD_SOURCE) return FAIL_NONE;
    x->refusal = parser_refusal(x->request_parser);
    return FAIL_BAD_REQUEST;
}

static void set_limit(struct exchange *x) {
    struct limit limit = limit_of(x);
    uint64_t now = clock_ms();
    if (limit.fail == FAIL_NONE)
        timer_clear(&x->timer);
    else
        timer_set(&x->timer, limit.at_ms > now ? limit.at_ms - now : 1);
}

static struct limit limit_of(const struct exchange *x) {
    const struct step_row *row = &steps[x->step];
    struct limit l = {UINT64_MAX, FAIL_NONE};
    unsigned ms = row->limit_ms(x);
    bool is_uploading = x->upload.state == PUMP_RUNNING;
    uint64_t since_ms = x->step_ms > x->upload.moved_ms ? x->step_ms : x->upload.moved_ms;
    if (ms && !is_uploading) l = (struct limit){since_ms + ms, row->if_late};
    pump_limits(x, &l);
    return l;
}

static enum step fail(struct exchange *x, enum fail why, const char *text) {
    x->fail = why;
    x->fail_text = text;
    if (x->request_id.len == 0) name_request(x);
    return STEP_answer_failure;
}

// More about the end of a stream, which may be gone when the log wants to know.
static const char *end_text(struct exchange *x, const struct stream *s) {
    if (stream_end(s) == STREAM_ENDED) return NULL;
    return arena_string(x->arena, slice_of(stream_failure(s)));
}

// The whole retry policy (HTTP-RULES, "When may a request be tried again").
static bool may_retry(const struct exchange *x) {
    const struct service *s = x->service;
    unsigned budget = s->exchange_count / 5 > 3 ? s->exchange_count / 5 : 3;
    bool is_possible = x->member && !x->status_sent && x->upload.bytes == 0 &&
                       x->tries <= x->answer.policy->retries && s->retry_count < budget;
    if (!is_possible) return false;
    switch (fail_row(x->fail)->retry) {
    case RETRY_NEVER: return false;
    case RETRY_UNSENT:
        return x->tries < pool_view(x->answer.pool)->all_count && !x->answer.fixed.at;
    case RETRY_STALE: return !x->wants_fresh && method_is_idempotent(x->request.method);
    }
    return false;
}

static void end_attempt(struct exchange *x) {
    waiter_leave(&x->waiter);
    forget_local_reply(x);
    count_spliced(x, &x->upload);
    count_spliced(x, &x->download);
    pump_stop(&x->upload);
    pump_stop(&x->download);
    if (x->backend) backend_conn_close(x->backend);
    x->backend = NULL;
}

// --- the steps, in the order of life ---

static enum step read_request_head(struct exchange *x) {
    enum fail why = FAIL_NONE;
    switch (
        x->client_ops->read_head(x->client, x->request_parser, &x->request, &why, &x->refusal)) {
    case PENDING: return STEP_WAIT;
    case BROKEN: return fail(x, why, NULL);
    case READY: break;
    }
    x->at.head_read = clock_us();
    count_add(x->service->conf.counters, COUNT_REQUESTS, 1);
    return STEP_choose_backend;
}

static unsigned head_ms(const struct exchange *x) {
    return x->who->listen->head_ms;
}

static enum step choose_backend(struct exchange *x) {
    enum fail why = choose_route(x);
    if (why != FAIL_NONE) return fail(x, why, NULL);
    if (x->service->conf.local) return STEP_answer_locally;
    return x->answer.kind == ANSWER_POOL ? STEP_filter_request : STEP_answer_ourselves;
}

static enum step answer_locally(struct exchange *x) {
    if (answer_from_within(x) == READY) return STEP_filter_response;
    enum fail why = upload_failure(x);
    return why == FAIL_NONE ? STEP_WAIT : fail(x, why, NULL);
}

static enum step filter_request(struct exchange *x) {
    enum fail why = prepare_request(x);
    return why == FAIL_NONE ? STEP_await_key : fail(x, why, NULL);
}

static enum step await_key(struct exchange *x) {
    enum fail why = FAIL_NONE;
    switch (pass_pause(x, &why)) {
    case PENDING: return STEP_WAIT;
    case BROKEN: return fail(x, why, NULL);
    case READY: break;
    }
    return STEP_await_place;
}

static unsigned pause_ms(const struct exchange *x) {
    return x->answer.pool->queue.pause_ms;
}

// Of an attempt that failed before, the reason stands when nobody else is left.
static enum step await_place(struct exchange *x) {
    enum fail why = FAIL_NONE;
    switch (take_place(x, &why)) {
    case PENDING: return STEP_WAIT;
    case BROKEN:
        if (why == FAIL_NO_BACKEND && x->fail) return fail(x, x->fail, x->fail_text);
        return fail(x, why, NULL);
    case READY: break;
    }
    begin_attempt(x);
    return STEP_acquire_connection;
}

static unsigned place_ms(const struct exchange *x) {
    return x->answer.pool->queue.place_ms;
}

static enum step acquire_connection(struct exchange *x) {
    enum fail why = FAIL_NONE;
    const char *text = NULL;
    switch (backend_conn_progress(x->backend, &why, &text)) {
    case PENDING: return STEP_WAIT;
    case BROKEN: return fail(x, why, arena_string(x->arena, slice_of(text)));
    case READY: break;
    }
    x->at.connected = clock_us();
    x->member->avoid_until_ms = 0;
    x->fail = FAIL_NONE;
    return STEP_send_request_head;
}

static unsigned connect_ms(const struct exchange *x) {
    return x->answer.policy->connect_ms;
}

static void begin_attempt(struct exchange *x) {
    x->backend_text = arena_string(x->arena, slice_of(x->member->text));
    x->tries++;
    x->at.chosen = clock_us();
    x->at.connected = x->at.first_byte = 0;
    count_add(x->service->conf.counters, COUNT_ATTEMPTS, 1);
    x->backend = backend_conn_borrow(&(struct backend_wish){
        .service = x->service,
        .generation = x->generation,
        .pool = x->answer.pool,
        .member = x->member,
        .client = x->who,
        .connect_ms = x->answer.policy->connect_ms,
        .is_fresh = x->wants_fresh,
        .on_wake = exchange_wake,
        .arg = x,
    });
}

static enum step send_request_head(struct exchange *x) {
    struct stream *s = backend_conn_stream(x->backend);
    if (stream_input_len(s) > 0) return fail(x, FAIL_BAD_ANSWER, "bytes came before the request");
    address_request(x);
    char *room = stream_reserve(s, request_head_size(&x->request_out));
    stream_commit(s, (size_t)(request_head_write(room, &x->request_out) - room));
    await_response(x);
    return STEP_read_response_head;
}

static void await_response(struct exchange *x) {
    parser_begin_response(x->response_parser, &x->response, x->request.method, x->arena,
                          &RESPONSE_LIMITS);
}

static enum step read_response_head(struct exchange *x) {
    struct stream *s = backend_conn_stream(x->backend);
    struct slice in;
    while ((in = stream_peek(s)).len > 0) {
        struct fed fed;
        enum parse_event event = parser_feed(x->response_parser, in, &fed);
        stream_consume(s, fed.skip);
        if (event == PARSE_REFUSED) {
            x->refusal = parser_refusal(x->response_parser);
            return fail(x, FAIL_BAD_ANSWER, refusal_text(x->refusal));
        }
        if (event == PARSE_MORE) continue;
        if (!x->at.first_byte) x->at.first_byte = clock_us();
        return x->response.status < 200 ? pass_interim(x) : STEP_filter_response;
    }
    if (stream_end(s) == STREAM_OPEN) return STEP_WAIT;
    return fail(x, backend_end_reason(x), end_text(x, s));
}

static unsigned first_byte_ms(const struct exchange *x) {
    return x->answer.policy->first_byte_ms;
}

// The connection ended before an answer. On a used one, without a byte, it was most likely closed before our request came.
static enum fail backend_end_reason(const struct exchange *x) {
    bool is_stale = backend_conn_is_reused(x->backend) && !parser_has_begun(x->response_parser) &&
                    x->interim_count == 0;
    return is_stale ? FAIL_BACKEND_STALE : FAIL_BACKEND_CLOSED;
}

// A 1xx answer: passed on to who understands it; the final one is still to come (RFC 9110 section 15.2). 101 is final.
static enum step pass_interim(struct exchange *x) {
    if (x->response.status == 101) {
        if (!upgrade_is_offered(x->request_out.upgrade, x->response.upgrade))
            return fail(x, FAIL_BAD_ANSWER, "101 to what nobody asked for");
        return STEP_filter_response;
    }
    if (++x->interim_count > INTERIM_MAX) return fail(x, FAIL_BAD_ANSWER, "too many 1xx answers");
    if (x->response.status == 100) x->is_continued = true;
    if (x->request.minor_version > 0) {
        struct response_head out;
        forward_answer(x, true, &out);
        x->client_ops->send_head(x->client, &out);
    }
    await_response(x);
    return STEP_read_response_head;
}

static enum step filter_response(struct exchange *x) {
    note_answered(x);
    bool may_keep =
        x->request.is_persistent && has_all_of_request(x) && x->client_ops->may_keep(x->client);
    forward_answer(x, may_keep, &x->response_out);
    return STEP_send_response_head;
}

static enum step send_response_head(struct exchange *x) {
    x->status_sent = x->response_out.status;
    x->client_ops->send_head(x->client, &x->response_out);
    if (x->status_sent == 101) {
        begin_tunnel(x);
        return STEP_tunnel;
    }
    if (x->backend && x->response.framing.kind != BODY_NONE) begin_download(x);
    if (!x->backend && x->request.method != METHOD_HEAD && x->own_body.len > 0) {
        x->client_ops->send_body(x->client, x->own_body);
        x->download.bytes = x->own_body.len;
    }
    return STEP_relay_bodies;
}

// Over when the answer is: a request body that is still coming is not waited for (RFC 9112 section 9.6; the client gets time to read).
static enum step relay_bodies(struct exchange *x) {
    switch (x->download.state) {
    case PUMP_RUNNING: return STEP_WAIT;
    case PUMP_TOO_LONG: CHECK(false); // nobody has set a maximum
    case PUMP_CUT: return fail(x, FAIL_ANSWER_CUT, end_text(x, x->download.job.source));
    case PUMP_BAD_SOURCE:
        return fail(x, FAIL_BAD_ANSWER, refusal_text(parser_refusal(x->response_parser)));
    case PUMP_NO_SINK: return fail(x, FAIL_CLIENT_GONE, NULL);
    case PUMP_IDLE:
    case PUMP_DONE: break;
    }
    return STEP_finish;
}

// Each direction ends for itself: what ended on one side is ended on the other.
static enum step tunnel(struct exchange *x) {
    struct pump *up = &x->upload, *down = &x->download;
    if (up->state == PUMP_DONE) stream_shut(up->job.sink);
    if (down->state == PUMP_DONE) stream_shut(down->job.sink);
    if (down->state == PUMP_CUT) return fail(x, FAIL_ANSWER_CUT, end_text(x, down->job.source));
    if (down->state == PUMP_NO_SINK) return fail(x, FAIL_CLIENT_GONE, NULL);
    if (down->state == PUMP_RUNNING)
        return up->state == PUMP_CUT ? fail(x, FAIL_CLIENT_GONE, NULL) : STEP_WAIT;
    bool is_delivered = stream_is_shut(up->job.sink) || stream_end(up->job.sink) == STREAM_FAILED;
    bool is_coming = up->state == PUMP_RUNNING || (up->state == PUMP_DONE && !is_delivered);
    return is_coming ? STEP_WAIT : STEP_finish;
}

static enum step answer_ourselves(struct exchange *x) {
    settle_upload(x);
    prepare_routed_answer(x);
    return STEP_filter_response;
}

static enum step answer_failure(struct exchange *x) {
    enum retry retry = fail_row(x->fail)->retry;
    note_failed_attempt(x);
    if (retry == RETRY_UNSENT && x->member) give_up_member(x);
    if (may_retry(x)) {
        log_retry(x);
        if (x->retries++ == 0) x->service->retry_count++;
        if (retry == RETRY_STALE) x->wants_fresh = true;
        end_attempt(x);
        return STEP_await_place;
    }
    end_attempt(x);
    if (x->status_sent || fail_row(x->fail)->status == 0) return cut(x);
    settle_upload(x);
    prepare_failure(x);
    return STEP_filter_response;
}

// No answer can be given, or the one that was begun cannot be completed: the client must not take it for whole (RFC 9112 section 8).
static enum step cut(struct exchange *x) {
    bool ends_like_whole = x->status_sent && x->response_out.framing.kind == BODY_UNTIL_CLOSE;
    x->ending = ends_like_whole ? CLIENT_RESET : CLIENT_ABORT;
    return STEP_finish;
}

static enum step finish(struct exchange *x) {
    record_exchange(x);
    if (x->ending == CLIENT_KEEP) x->ending = how_to_end(x);
    if (x->backend && may_reuse_backend(x)) {
        backend_conn_return(x->backend, &x->response);
        x->backend = NULL;
    }
    return STEP_over;
}

static unsigned no_limit(const struct exchange *x) {
    (void)x;
    return 0;
}

// HTTP-RULES: the answer complete by its framing, the request sent, keep-alive on both sides (and no byte too many: backend_conn_return()).
static bool may_reuse_backend(const struct exchange *x) {
    bool has_answer =
        x->response.framing.kind == BODY_NONE ||
        (x->download.state == PUMP_DONE && x->response.framing.kind != BODY_UNTIL_CLOSE);
    bool is_sent = !has_request_body(x) || x->upload.state == PUMP_DONE;
    return x->fail == FAIL_NONE && has_answer && is_sent && x->response.is_persistent &&
           x->status_sent != 101;
}

// After a whole answer.
static enum client_end how_to_end(const struct exchange *x) {
    bool is_kept = x->response_out.is_persistent && x->status_sent != 101;
    return is_kept ? CLIENT_KEEP : CLIENT_CLOSE;
}

static void leave(struct exchange *x) {
    enum client_end how = x->ending;
    const struct client_ops *ops = x->client_ops;
    void *client = x->client;
    free_exchange(x);
    ops->end(client, how);
}

static void free_exchange(struct exchange *x) {
    struct service *s = x->service;
    end_attempt(x);
    forget_members(x);
    generation_unref(x->generation);
    s->exchange_count--;
    if (x->retries > 0) s->retry_count--;
    put_back_spare(x);
    service_check_drained(s);
}
