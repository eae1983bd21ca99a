// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "http/exchange_parts.h"
#include "tls/tls.h"

static void count_exchange(const struct exchange *x);
static void log_failure(const struct exchange *x);
static void add_certificate(struct access_entry *entry, const struct stream *client);
static struct slice value_of(const struct request_head *head, enum field_id id);
static uint64_t queue_us(const struct exchange *x);
static uint64_t span_us(uint64_t from, uint64_t to);

void record_exchange(const struct exchange *x) {
    count_exchange(x);
    if (x->fail != FAIL_NONE) log_failure(x);
    if (!x->service->conf.access_log) return;
    struct traffic wire = traffic_of(x->client_ops->stream(x->client));
    struct access_entry entry = {
        .client_ip = x->who->ip,
        .method = x->request.method_text,
        .target = x->request.target,
        .minor_version = x->request.minor_version,
        .status = x->status_sent,
        .body_bytes = x->download.bytes,
        .referer = value_of(&x->request, FIELD_REFERER),
        .user_agent = value_of(&x->request, FIELD_USER_AGENT),
        .host = x->request.host,
        .site = slice_of(x->answer.site ? x->answer.site->name : NULL),
        .pool = slice_of(x->answer.pool ? x->answer.pool->name : NULL),
        .backend = slice_of(x->backend_text),
        .read_us = span_us(x->at.began, x->at.head_read),
        .queue_us = queue_us(x),
        .connect_us = span_us(x->at.chosen, x->at.connected),
        .first_byte_us = span_us(x->at.connected, x->at.first_byte),
        .total_us = clock_us() - x->at.began,
        .tries = x->tries,
        .bytes_in = wire.bytes_in - x->wire_before.bytes_in,
        .bytes_out = wire.bytes_out - x->wire_before.bytes_out,
        .reason = fail_row(x->fail)->name,
        .tls = x->who->tls,
        .request_id = x->request_id,
    };
    if (x->who->has_certificate) add_certificate(&entry, x->client_ops->stream(x->client));
    access_log_write(x->service->conf.access_log, &entry);
}

static void add_certificate(struct access_entry *entry, const struct stream *client) {
    const struct tls_peer *peer = tls_peer(client);
    if (!peer) return;
    entry->certificate = peer->subject;
    entry->certificate_bits = peer->signature_bits;
    entry->certificate_path = peer->path_length;
}

void count_spliced(const struct exchange *x, struct pump *p) {
    if (p->spliced > 0) count_add(x->service->conf.counters, COUNT_SPLICED, p->spliced);
    p->spliced = 0;
}

struct traffic traffic_of(const struct stream *client) {
    uint64_t bytes_in = stream_bytes_in(client), unread = stream_input_len(client);
    return (struct traffic){
        .bytes_in = bytes_in > unread ? bytes_in - unread : 0,
        .bytes_out = stream_bytes_out(client) + stream_unsent(client),
    };
}

void log_retry(const struct exchange *x) {
    count_add(x->service->conf.counters, COUNT_RETRIES, 1);
    log_info("request %.*s: attempt %u at %s failed: %s%s%s; trying again",
             SLICE_ARGS(x->request_id), x->tries, x->backend_text, fail_row(x->fail)->text,
             x->fail_text ? ": " : "", x->fail_text ? x->fail_text : "");
}

static void count_exchange(const struct exchange *x) {
    static const enum counter classes[] = {COUNT_ANSWERS_1XX, COUNT_ANSWERS_2XX, COUNT_ANSWERS_3XX,
                                           COUNT_ANSWERS_4XX, COUNT_ANSWERS_5XX};
    struct counters *c = x->service->conf.counters;
    int class = x->status_sent / 100;
    if (class >= 1 && class <= 5) count_add(c, classes[class - 1], 1);
    if (x->fail != FAIL_NONE) count_add(c, count_of_fail(x->fail), 1);
}

// What is the backends' or ours to mend stands in the error log too; what clients do wrong is in the access log.
static void log_failure(const struct exchange *x) {
    const struct fail_row *row = fail_row(x->fail);
    char cause[128];
    if (row->blame == BLAME_CLIENT) return;
    snprintf(cause, sizeof cause, "%s %s", row->name, x->fail_text ? x->fail_text : "");
    log_repeated(LOG_LEVEL_WARN, cause, "request %.*s: %.*s %.*s%.*s: backend %s: %s%s%s",
                 SLICE_ARGS(x->request_id), SLICE_ARGS(x->request.method_text),
                 SLICE_ARGS(x->request.host), SLICE_ARGS(x->request.path),
                 x->backend_text ? x->backend_text : "-", row->text, x->fail_text ? ": " : "",
                 x->fail_text ? x->fail_text : "");
}

static struct slice value_of(const struct request_head *head, enum field_id id) {
    const struct field *f = fields_find(&head->fields, id);
    return f ? f->value : (struct slice){0};
}

// From its head to the last choice of a member; of one that waited in vain, until it gave up.
static uint64_t queue_us(const struct exchange *x) {
    bool gave_up = x->fail == FAIL_QUEUE_LATE || x->fail == FAIL_PAUSED;
    return span_us(x->at.head_read, gave_up ? clock_us() : x->at.chosen);
}

static uint64_t span_us(uint64_t from, uint64_t to) {
    return from && to ? to - from : UINT64_MAX;
}
