// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "core/address.h"
#include "core/loop.h"

// Names to addresses, asked of the name servers by c-ares in the loop and remembered by their TTL (at least 1 s, at most
// 5 min; failures 1 s).
struct resolver;
struct resolver *resolver_new(struct loop *loop);
void resolver_free(struct resolver *r); // nobody waits for a name any more

// At most so many addresses of a name are used.
#define RESOLVED_MAX 16

struct resolved {
    struct address at[RESOLVED_MAX]; // without a port
    size_t count;                    // 0: none
    const char *why;                 // then: static text
};

// Somebody who waits for a name. Embedded.
struct lookup {
    struct lookup *next;
    void (*on_resolved)(void *arg, const struct resolved *r); // r is valid during the call
    void *arg;
    struct name *name; // NULL: does not wait
};
// What is remembered is told at once, from within the call; so may be what needs no network.
void resolver_lookup(struct resolver *r, const char *host, struct lookup *l);
void resolver_forget(struct lookup *l); // it is not told any more

// Asks this server ("127.0.0.1:5353") instead of those of resolv.conf. False: not an address.
bool resolver_use_server(struct resolver *r, const char *server);
