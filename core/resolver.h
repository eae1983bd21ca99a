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
#define RESOLVED_MAX 256

struct resolved {
    const struct address *at; // without a port
    size_t count;             // 0: none
    unsigned ttl_s;           // for so long it will not be asked again
    bool is_none;             // the servers said that there is none, and not just nothing
    const char *why;          // of count 0: static text
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

// Asks these servers ("127.0.0.1:5353", "10.0.0.2,10.0.0.3:53") instead of those of resolv.conf, or NULL: those again. What was
// remembered is forgotten, what is being asked for is asked anew. False: not addresses, and nothing has changed.
bool resolver_use_servers(struct resolver *r, const char *servers);

// --- SRV records (RFC 2782) ---

#define SERVICE_HOSTS_MAX 256
struct service_host {
    char *name;
    unsigned priority, weight, port;
};
struct service_hosts {
    const struct service_host *at; // in no order
    size_t count;                  // 0: none
    unsigned ttl_s;
    bool is_none;    // as of struct resolved
    const char *why; // of count 0: static text
};
// One question, not remembered. on_found is called once, from the loop or from within the call; hosts are valid during it.
struct service_lookup;
typedef void service_found_fn(void *arg, const struct service_hosts *hosts);
// NULL: it was called already.
struct service_lookup *resolver_find_service(struct resolver *r, const char *name,
                                             service_found_fn *on_found, void *arg);
void resolver_forget_service(struct service_lookup *l); // on_found is not called; not after it
