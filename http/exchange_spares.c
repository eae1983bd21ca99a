// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>

#include "core/check.h"
#include "http/exchange.h"
#include "http/exchange_parts.h"

// Exchanges that are over keep their memory for those that come: a request costs no malloc once the service is warm.

enum {
    ARENA_FIRST_BYTES = 8 * 1024,
    // Heads of both sides, answers of route functions. The most of it: 17 answers (16 of 1xx and the final one), whose
    // heads take three times 64 KiB each where they come byte by byte (http/message/parser.h).
    ARENA_MAX_BYTES = 8 << 20,
    SPARES_MAX = 256,
};

static struct exchange *make(struct service *s);
static void free_one_spare(struct service *s);

struct exchange *take_spare(struct service *s) {
    struct exchange *x = s->spare_exchanges;
    if (!x) return make(s);
    s->spare_exchanges = x->next_spare;
    s->spare_count--;
    return x;
}

void put_back_spare(struct exchange *x) {
    struct service *s = x->service;
    timer_clear(&x->timer);
    arena_reset(x->arena);
    *x = (struct exchange){
        .service = s,
        .arena = x->arena,
        .request_parser = x->request_parser,
        .response_parser = x->response_parser,
        .timer = x->timer,
        .next_spare = s->spare_exchanges,
    };
    s->spare_exchanges = x;
    s->spare_count++;
    while (s->spare_count > SPARES_MAX) free_one_spare(s);
}

void exchange_free_spares(struct service *s) {
    while (s->spare_exchanges) free_one_spare(s);
}

static struct exchange *make(struct service *s) {
    struct exchange *x = calloc(1, sizeof(*x));
    CHECK(x);
    x->service = s;
    x->arena = arena_new(ARENA_FIRST_BYTES, ARENA_MAX_BYTES);
    x->request_parser = parser_new();
    x->response_parser = parser_new();
    timer_init(&x->timer, s->conf.loop, exchange_wake, x);
    return x;
}

static void free_one_spare(struct service *s) {
    struct exchange *x = s->spare_exchanges;
    s->spare_exchanges = x->next_spare;
    s->spare_count--;
    timer_fini(&x->timer);
    parser_free(x->request_parser);
    parser_free(x->response_parser);
    arena_free(x->arena);
    free(x);
}
