// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// SRV records. c-ares asks; its reader of the answer leaves out the TTL, so the records are read here.
#include <ares.h>
#include <arpa/nameser.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/resolver_parts.h"

enum { HEAD_BYTES = 12, RECORD_BYTES = 10, SERVICE_BYTES = 6 };

struct service_lookup {
    struct resolver *resolver;
    service_found_fn *on_found; // NULL: was forgotten
    void *arg;
    struct service_host found[SERVICE_HOSTS_MAX];
    size_t count;
    unsigned ttl_s;
    bool *has_ended; // of the call that asks; NULL after it
};

// An answer as it is read: `at` is NULL once it turned out to be broken.
struct reader {
    const unsigned char *begin, *at, *end;
};

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int length);
static void read_answer(struct service_lookup *l, struct reader *r);
static void read_record(struct service_lookup *l, struct reader *r);
static char *read_name(struct reader *r);
static unsigned read_number(struct reader *r, unsigned bytes);
static bool has(const struct reader *r, size_t bytes);

struct service_lookup *resolver_find_service(struct resolver *r, const char *name,
                                             service_found_fn *on_found, void *arg) {
    struct service_lookup *l = calloc(1, sizeof *l);
    CHECK(l);
    *l = (struct service_lookup){.resolver = r, .on_found = on_found, .arg = arg};
    bool has_ended = false;
    l->has_ended = &has_ended;
    ares_query(r->channel, name, C_IN, T_SRV, on_answer, l);
    resolver_set_timer(r);
    if (has_ended) return NULL;
    l->has_ended = NULL;
    return l;
}

void resolver_forget_service(struct service_lookup *l) {
    if (l) l->on_found = NULL;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int length) {
    (void)timeouts;
    struct service_lookup *l = arg;
    struct reader r = {bytes, bytes, bytes + length};
    l->ttl_s = MOST_TTL_S;
    if (status == ARES_SUCCESS) read_answer(l, &r);
    if (l->on_found && !l->resolver->is_closing) {
        struct service_hosts hosts = {.at = l->found,
                                      .count = l->count,
                                      .ttl_s = l->count == 0            ? FAILURE_TTL_S
                                               : l->ttl_s < LEAST_TTL_S ? LEAST_TTL_S
                                                                        : l->ttl_s,
                                      .is_none = resolver_says_none(status),
                                      .why = status == ARES_SUCCESS ? "it has no SRV record"
                                                                    : resolver_reason(status)};
        l->on_found(l->arg, &hosts);
    }
    if (l->has_ended) *l->has_ended = true;
    for (size_t i = 0; i < l->count; i++) ares_free_string(l->found[i].name);
    free(l);
}

// --- the answer: RFC 1035 section 4.1, RFC 2782 ---

static void read_answer(struct service_lookup *l, struct reader *r) {
    if (!has(r, HEAD_BYTES)) return;
    r->at += 4;
    unsigned questions = read_number(r, 2), answers = read_number(r, 2);
    r->at += 4;
    for (; questions > 0 && r->at; questions--) {
        ares_free_string(read_name(r));
        read_number(r, 4);
    }
    for (; answers > 0 && r->at; answers--) read_record(l, r);
}

// Aliases on the way count for the time, too.
static void read_record(struct service_lookup *l, struct reader *r) {
    ares_free_string(read_name(r));
    if (!has(r, RECORD_BYTES)) return;
    unsigned type = read_number(r, 2);
    read_number(r, 2);
    unsigned ttl_s = read_number(r, 4), length = read_number(r, 2);
    if (!has(r, length)) return;
    struct reader record = {r->begin, r->at, r->end};
    r->at += length;
    if (ttl_s < l->ttl_s) l->ttl_s = ttl_s;
    if (type != T_SRV || length < SERVICE_BYTES || l->count == SERVICE_HOSTS_MAX) return;
    struct service_host *h = &l->found[l->count];
    h->priority = read_number(&record, 2);
    h->weight = read_number(&record, 2);
    h->port = read_number(&record, 2);
    h->name = read_name(&record);
    if (h->name) l->count++;
}

// NULL: broken.
static char *read_name(struct reader *r) {
    char *name = NULL;
    long length = 0;
    bool is_good = r->at && ares_expand_name(r->at, r->begin, (int)(r->end - r->begin), &name,
                                             &length) == ARES_SUCCESS;
    r->at = is_good ? r->at + length : NULL;
    return is_good ? name : NULL;
}

static unsigned read_number(struct reader *r, unsigned bytes) {
    unsigned number = 0;
    if (!has(r, bytes)) return 0;
    for (; bytes > 0; bytes--) number = number << 8 | *r->at++;
    return number;
}

static bool has(const struct reader *r, size_t bytes) {
    return r->at && (size_t)(r->end - r->at) >= bytes;
}
