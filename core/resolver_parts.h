// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <ares.h>

#include "core/resolver.h"

// What is inside struct resolver: for resolver.c and resolver_service.c.

enum { RESOLVER_BUCKETS = 256, LEAST_TTL_S = 1, MOST_TTL_S = 300, FAILURE_TTL_S = 1 };

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct timer timer; // c-ares's own timeouts
    struct ares_watch *watches;
    unsigned count;
    bool is_closing;
    bool is_changing;  // its servers: what is cut off is asked again
    char *servers;     // that were given; NULL: own_servers
    char *own_servers; // the system's
    struct name *buckets[RESOLVER_BUCKETS];
};

void resolver_set_timer(struct resolver *r); // after each question
// What a status of c-ares means; and does it mean that there is no such thing?
const char *resolver_reason(int status);
bool resolver_says_none(int status);
