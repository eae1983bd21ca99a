// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/resolver_parts.h"
#include "core/text.h"

enum {
    NAMES_MAX = 4096,
    QUERY_MS = 2000, // for one server, then the next one
    QUERY_TRIES = 2,
};

// A name that is known, failed, or being asked for (then it has waiting lookups).
struct name {
    struct name *next;
    struct resolver *resolver;
    bool is_asked; // c-ares owes us an answer
    uint64_t until_ms;
    struct address *addresses; // found.at
    struct resolved found;
    struct lookup *waiting;
    char host[];
};

// A socket of c-ares, watched in our loop.
struct ares_watch {
    struct ares_watch *next;
    struct resolver *resolver;
    ares_socket_t fd;
    struct event *event;
};

static char *servers_text(ares_channel channel);
static void forget_known(struct resolver *r);
static struct name **find(struct resolver *r, const char *host);
static struct name *add(struct resolver *r, const char *host);
static void drop_old(struct resolver *r);
static void ask(struct name *n);
static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *answer);
static void keep(struct name *n, const struct ares_addrinfo *answer);
static void add_address(struct name *n, const struct sockaddr *address, socklen_t len);
static void remember(struct name *n, unsigned ttl_s);
static void free_name(struct name *n);
static void tell(struct name *n);
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable);
static void on_socket_ready(evutil_socket_t fd, short what, void *arg);
static void on_ares_time(void *arg);

struct resolver *resolver_new(struct loop *loop) {
    struct resolver *r = calloc(1, sizeof *r);
    CHECK(r && ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
    r->loop = loop;
    timer_init(&r->timer, loop, on_ares_time, r);
    struct ares_options options = {
        .timeout = QUERY_MS,
        .tries = QUERY_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = r,
    };
    int made = ares_init_options(&r->channel, &options,
                                 ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    CHECK(made == ARES_SUCCESS);
    r->own_servers = servers_text(r->channel);
    return r;
}

void resolver_free(struct resolver *r) {
    if (!r) return;
    r->is_closing = true;
    ares_destroy(r->channel);
    ares_library_cleanup();
    timer_fini(&r->timer);
    for (unsigned i = 0; i < RESOLVER_BUCKETS; i++) {
        while (r->buckets[i]) {
            struct name *n = r->buckets[i];
            r->buckets[i] = n->next;
            free_name(n);
        }
    }
    free(r->own_servers);
    free(r->servers);
    free(r);
}

// Those that the system names, for when those of the route file are taken back.
static char *servers_text(ares_channel channel) {
    struct ares_addr_port_node *servers = NULL;
    struct text out;
    text_init(&out, 4096);
    if (ares_get_servers_ports(channel, &servers) == ARES_SUCCESS) {
        for (struct ares_addr_port_node *s = servers; s; s = s->next) {
            char ip[INET6_ADDRSTRLEN];
            const char *format = s->family == AF_INET6 ? "%s[%s]:%d" : "%s%s:%d";
            if (!inet_ntop(s->family, &s->addr, ip, sizeof ip)) continue;
            text_printf(&out, format, out.len ? "," : "", ip, s->udp_port ? s->udp_port : 53);
        }
        ares_free_data(servers);
    }
    char *text = strdup(text_string(&out));
    CHECK(text);
    text_fini(&out);
    return text;
}

// c-ares takes new servers only while it asks nothing: what it asks is cut off and asked again.
bool resolver_use_servers(struct resolver *r, const char *servers) {
    if (servers == r->servers || (servers && r->servers && strcmp(servers, r->servers) == 0))
        return true;
    r->is_changing = true;
    ares_cancel(r->channel);
    bool is_good =
        ares_set_servers_ports_csv(r->channel, servers ? servers : r->own_servers) == ARES_SUCCESS;
    r->is_changing = false;
    if (is_good) {
        free(r->servers);
        r->servers = servers ? strdup(servers) : NULL;
        CHECK(r->servers || !servers);
        forget_known(r);
    }
    for (unsigned i = 0; i < RESOLVER_BUCKETS; i++)
        for (struct name *n = r->buckets[i]; n; n = n->next)
            if (n->waiting && !n->is_asked) ask(n);
    return is_good;
}

static void forget_known(struct resolver *r) {
    for (unsigned i = 0; i < RESOLVER_BUCKETS; i++)
        for (struct name *n = r->buckets[i]; n; n = n->next) n->until_ms = 0;
}

void resolver_lookup(struct resolver *r, const char *host, struct lookup *l) {
    struct name **place = find(r, host);
    struct name *n = *place ? *place : add(r, host);
    if (!n) {
        l->on_resolved(l->arg, &(struct resolved){.why = "too many names are being asked for"});
        return;
    }
    if (!n->is_asked && n->until_ms > clock_ms()) {
        n->found.ttl_s = (unsigned)((n->until_ms - clock_ms()) / 1000);
        l->on_resolved(l->arg, &n->found);
        return;
    }
    l->name = n;
    l->next = n->waiting;
    n->waiting = l;
    if (!n->is_asked) ask(n);
}

void resolver_forget(struct lookup *l) {
    if (!l->name) return;
    struct lookup **place = &l->name->waiting;
    while (*place && *place != l) place = &(*place)->next;
    if (*place) *place = l->next;
    l->name = NULL;
}

// --- names ---

static struct name **find(struct resolver *r, const char *host) {
    unsigned hash = 5381;
    for (const char *c = host; *c; c++) hash = hash * 33 + (unsigned char)(*c | 0x20);
    struct name **place = &r->buckets[hash % RESOLVER_BUCKETS];
    while (*place && strcasecmp((*place)->host, host) != 0) place = &(*place)->next;
    return place;
}

// NULL: all that fit are being asked for now.
static struct name *add(struct resolver *r, const char *host) {
    if (r->count >= NAMES_MAX) drop_old(r);
    if (r->count >= NAMES_MAX) return NULL;
    struct name *n = calloc(1, sizeof *n + strlen(host) + 1);
    CHECK(n);
    strcpy(n->host, host);
    n->resolver = r;
    *find(r, host) = n;
    r->count++;
    return n;
}

// Everything that nobody waits for goes: simple, and rare.
static void drop_old(struct resolver *r) {
    for (unsigned i = 0; i < RESOLVER_BUCKETS; i++) {
        struct name **place = &r->buckets[i];
        while (*place) {
            struct name *n = *place;
            if (n->is_asked || n->waiting) {
                place = &n->next;
                continue;
            }
            *place = n->next;
            free_name(n);
            r->count--;
        }
    }
}

// --- asking ---

static void ask(struct name *n) {
    struct address ip;
    if (address_parse_ip(slice_of(n->host), 0, &ip)) {
        n->found = (struct resolved){0};
        add_address(n, &ip.any, ip.len);
        remember(n, MOST_TTL_S);
        tell(n);
        return;
    }
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    n->is_asked = true;
    ares_getaddrinfo(n->resolver->channel, n->host, NULL, &hints, on_answer, n);
    if (n->is_asked) resolver_set_timer(n->resolver);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *answer) {
    (void)timeouts;
    struct name *n = arg;
    n->is_asked = false;
    if (n->resolver->is_changing) return; // it is asked again
    n->found = (struct resolved){0};
    if (status == ARES_SUCCESS) keep(n, answer);
    if (answer) ares_freeaddrinfo(answer);
    if (n->found.count == 0) {
        n->found.why = resolver_reason(status);
        n->found.is_none = resolver_says_none(status);
        remember(n, FAILURE_TTL_S);
    }
    if (!n->resolver->is_closing) tell(n);
}

bool resolver_says_none(int status) {
    return status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_SUCCESS;
}

const char *resolver_reason(int status) {
    switch (status) {
    case ARES_ENOTFOUND: return "the name servers do not know it";
    case ARES_SUCCESS:
    case ARES_ENODATA: return "it has no address record";
    case ARES_ETIMEOUT: return "the name servers do not answer";
    case ARES_ECONNREFUSED: return "no name server could be reached";
    case ARES_ESERVFAIL: return "the name servers failed to find out";
    default: return ares_strerror(status);
    }
}

static void keep(struct name *n, const struct ares_addrinfo *answer) {
    int ttl = MOST_TTL_S;
    for (const struct ares_addrinfo_node *a = answer->nodes; a; a = a->ai_next) {
        if (n->found.count == RESOLVED_MAX || a->ai_addrlen > sizeof(struct sockaddr_un)) break;
        add_address(n, a->ai_addr, a->ai_addrlen);
        if (a->ai_ttl < ttl) ttl = a->ai_ttl;
    }
    remember(n, ttl < LEAST_TTL_S ? LEAST_TTL_S : (unsigned)ttl);
}

static void add_address(struct name *n, const struct sockaddr *address, socklen_t len) {
    size_t count = n->found.count;
    n->addresses = realloc(n->addresses, (count + 1) * sizeof *n->addresses);
    CHECK(n->addresses);
    n->addresses[count].len = len;
    memcpy(&n->addresses[count].any, address, len);
    n->found.at = n->addresses;
    n->found.count++;
}

static void remember(struct name *n, unsigned ttl_s) {
    n->found.ttl_s = ttl_s;
    n->until_ms = clock_ms() + (uint64_t)ttl_s * 1000;
}

static void free_name(struct name *n) {
    free(n->addresses);
    free(n);
}

static void tell(struct name *n) {
    while (n->waiting) {
        struct lookup *l = n->waiting;
        n->waiting = l->next;
        l->name = NULL;
        l->on_resolved(l->arg, &n->found);
    }
}

// --- c-ares in the loop ---

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable) {
    struct resolver *r = arg;
    struct ares_watch **place = &r->watches;
    while (*place && (*place)->fd != fd) place = &(*place)->next;
    struct ares_watch *w = *place;
    if (w) event_free(w->event);
    if (!readable && !writable) {
        if (w) *place = w->next;
        free(w);
        return;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        CHECK(w);
        w->resolver = r;
        w->fd = fd;
        w->next = r->watches;
        r->watches = w;
    }
    short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0) | EV_PERSIST);
    w->event = event_new(loop_base(r->loop), fd, what, on_socket_ready, w);
    CHECK(w->event && event_add(w->event, NULL) == 0);
}

static void on_socket_ready(evutil_socket_t fd, short what, void *arg) {
    struct ares_watch *w = arg;
    struct resolver *r = w->resolver;
    loop_begin_turn(r->loop);
    ares_process_fd(r->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
                    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    resolver_set_timer(r);
}

static void on_ares_time(void *arg) {
    struct resolver *r = arg;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    resolver_set_timer(r);
}

void resolver_set_timer(struct resolver *r) {
    struct timeval wait;
    if (ares_timeout(r->channel, NULL, &wait))
        timer_set(&r->timer, (uint64_t)wait.tv_sec * 1000 + (uint64_t)wait.tv_usec / 1000 + 1);
    else
        timer_clear(&r->timer);
}
