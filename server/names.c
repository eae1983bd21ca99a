// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/resolver.h"
#include "routing/address_text.h"

enum { RETRY_MS = 2000, WEIGHT_MAX = 1000, FOUND_MAX = 256 };

// A name that is followed.
struct followed {
    struct names *names;
    char *pool;      // its name in the table
    char *pool_name; // for the log
    char *text;      // of the member, as written
    enum resolve resolve;
    bool is_tls;
    struct table_settings settings; // of the route file
    char *host;                     // the name to ask for
    int port;                       // of RESOLVE_EACH
    struct lookup lookup;           // waits for addresses
    struct service_lookup *service; // waits for hosts; NULL: does not
    struct timer again;
    uint64_t none_since_ms; // the servers say that there is none; 0: they do not
};

struct names {
    struct loop *loop;
    struct resolver *resolver;
    struct table *table;
    struct pools *pools;
    struct followed **at;
    size_t count;
};

// Members as they are to be.
struct wanted {
    char text[TABLE_TEXT_MAX];
    struct table_settings settings;
};
struct wanted_list {
    struct wanted at[FOUND_MAX];
    size_t count;
};
static const struct wanted_list NOBODY;

static struct followed *followed_new(struct names *n, const struct pool *p,
                                     const struct member_conf *m);
static struct followed *take_over(struct names *n, const struct pool *p,
                                  const struct member_conf *m);
static void followed_free(struct followed *f);
static void ask(void *arg);
static void on_addresses(void *arg, const struct resolved *r);
static void on_hosts(void *arg, const struct service_hosts *hosts);
static void weigh_hosts(const struct followed *f, const struct service_hosts *hosts,
                        struct wanted_list *out);
static unsigned tier_of(const struct service_hosts *hosts, unsigned priority);
static void meet_failure(struct followed *f, bool is_none, const char *why);
static void follow(struct followed *f, const struct wanted_list *wanted);
static struct table_entry *find_entry(struct names *n, struct table_entry *entries, size_t count,
                                      const char *text);
static size_t without_gone(struct followed *f, struct table_entry *entries, size_t count,
                           uint32_t via, const struct wanted_list *wanted);
static size_t with_new(struct followed *f, struct table_entry *entries, size_t count, uint32_t via,
                       const struct wanted_list *wanted);

struct names *names_new(struct loop *loop, struct resolver *r, struct table *t, struct pools *p) {
    struct names *n = calloc(1, sizeof *n);
    CHECK(n);
    *n = (struct names){.loop = loop, .resolver = r, .table = t, .pools = p};
    return n;
}

void names_free(struct names *n) {
    if (!n) return;
    for (size_t i = 0; i < n->count; i++) followed_free(n->at[i]);
    free(n->at);
    free(n);
}

void names_follow(struct names *n, const struct config *c) {
    struct followed **now = NULL;
    size_t count = 0;
    for (size_t i = 0; i < c->pool_count; i++) {
        const struct pool *p = c->pools[i];
        for (size_t k = 0; k < p->configured_count; k++) {
            const struct member_conf *m = &p->configured[k];
            if (m->resolve == RESOLVE_ONE) continue;
            struct followed *f = take_over(n, p, m);
            now = realloc(now, (count + 1) * sizeof *now);
            CHECK(now);
            now[count++] = f ? f : followed_new(n, p, m);
        }
    }
    for (size_t i = 0; i < n->count; i++) followed_free(n->at[i]);
    free(n->at);
    n->at = now;
    n->count = count;
    for (size_t i = 0; i < count; i++)
        if (!timer_is_set(&now[i]->again) && !now[i]->lookup.name && !now[i]->service) ask(now[i]);
}

static struct followed *followed_new(struct names *n, const struct pool *p,
                                     const struct member_conf *m) {
    struct followed *f = calloc(1, sizeof *f);
    CHECK(f);
    *f = (struct followed){.names = n,
                           .pool = strdup(p->table_name),
                           .pool_name = strdup(p->name),
                           .text = strdup(m->text),
                           .resolve = m->resolve,
                           .is_tls = m->is_tls,
                           .settings = m->settings};
    timer_init(&f->again, n->loop, ask, f);
    if (m->resolve == RESOLVE_SERVICE) {
        f->host = strdup(m->text + strlen("srv:"));
    } else {
        struct member *member = member_new(slice_of(m->text), NULL, NULL);
        f->host = strdup(member->endpoint.host);
        f->port = member->endpoint.port;
        member_unref(member);
    }
    CHECK(f->pool && f->pool_name && f->text && f->host);
    return f;
}

// The same name as before goes on; what the file says of its members may be new, so it is asked at once (and most likely known).
static struct followed *take_over(struct names *n, const struct pool *p,
                                  const struct member_conf *m) {
    for (size_t i = 0; i < n->count; i++) {
        struct followed *f = n->at[i];
        if (!f || f->resolve != m->resolve || strcmp(f->pool, p->table_name) != 0 ||
            strcmp(f->text, m->text) != 0)
            continue;
        n->at[i] = NULL;
        if (memcmp(&f->settings, &m->settings, sizeof f->settings) != 0) timer_clear(&f->again);
        f->settings = m->settings;
        return f;
    }
    return NULL;
}

static void followed_free(struct followed *f) {
    if (!f) return;
    resolver_forget(&f->lookup);
    resolver_forget_service(f->service);
    timer_fini(&f->again);
    free(f->pool);
    free(f->pool_name);
    free(f->text);
    free(f->host);
    free(f);
}

// --- asking ---

static void ask(void *arg) {
    struct followed *f = arg;
    struct resolver *r = f->names->resolver;
    if (f->resolve == RESOLVE_SERVICE) {
        f->service = resolver_find_service(r, f->host, on_hosts, f);
        return;
    }
    f->lookup = (struct lookup){.on_resolved = on_addresses, .arg = f};
    resolver_lookup(r, f->host, &f->lookup);
}

static void on_addresses(void *arg, const struct resolved *r) {
    struct followed *f = arg;
    struct wanted_list *wanted = calloc(1, sizeof *wanted);
    CHECK(wanted);
    timer_set(&f->again, (uint64_t)r->ttl_s * 1000 + 1);
    for (size_t i = 0; i < r->count && i < FOUND_MAX; i++) {
        struct wanted *w = &wanted->at[wanted->count++];
        struct address address = r->at[i];
        char text[ADDRESS_TEXT_MAX];
        if (address.any.sa_family == AF_INET6)
            address.v6.sin6_port = htons((uint16_t)f->port);
        else
            address.v4.sin_port = htons((uint16_t)f->port);
        snprintf(w->text, sizeof w->text, "%s%s", f->is_tls ? "https://" : "",
                 address_format(&address, text));
        w->settings = f->settings;
    }
    if (wanted->count > 0)
        follow(f, wanted);
    else
        meet_failure(f, r->is_none, r->why);
    free(wanted);
}

static void on_hosts(void *arg, const struct service_hosts *hosts) {
    struct followed *f = arg;
    struct wanted_list *wanted = calloc(1, sizeof *wanted);
    CHECK(wanted);
    f->service = NULL;
    timer_set(&f->again, (uint64_t)hosts->ttl_s * 1000 + 1);
    weigh_hosts(f, hosts, wanted);
    if (wanted->count > 0)
        follow(f, wanted);
    else
        meet_failure(f, hosts->is_none, hosts->why ? hosts->why : "it names no host");
    free(wanted);
}

// The lowest priority is the first tier. Weights may be up to 65535, and those of members are up to 1000; a weight of 0 is "hardly
// ever" (RFC 2782), which is as little as there is.
static void weigh_hosts(const struct followed *f, const struct service_hosts *hosts,
                        struct wanted_list *out) {
    unsigned most = WEIGHT_MAX;
    for (size_t i = 0; i < hosts->count; i++)
        if (hosts->at[i].weight > most) most = hosts->at[i].weight;
    for (size_t i = 0; i < hosts->count && i < FOUND_MAX; i++) {
        const struct service_host *h = &hosts->at[i];
        struct wanted *w = &out->at[out->count];
        unsigned weight = most > WEIGHT_MAX ? h->weight * WEIGHT_MAX / most : h->weight;
        bool is_nobody = h->name[0] == '\0' || strcmp(h->name, ".") == 0;
        if (is_nobody || strlen(h->name) > TABLE_TEXT_MAX - 20 || h->port == 0) continue;
        snprintf(w->text, sizeof w->text, "%s%s:%u", f->is_tls ? "https://" : "", h->name, h->port);
        w->settings = f->settings;
        w->settings.weight = weight > 0 ? weight : 1;
        w->settings.tier = f->settings.tier + tier_of(hosts, h->priority);
        out->count++;
    }
}

static unsigned tier_of(const struct service_hosts *hosts, unsigned priority) {
    unsigned tier = 0;
    for (size_t i = 0; i < hosts->count; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i; k++) is_first &= hosts->at[k].priority != hosts->at[i].priority;
        tier += is_first && hosts->at[i].priority < priority;
    }
    return tier;
}

static void meet_failure(struct followed *f, bool is_none, const char *why) {
    char key[96];
    uint64_t now_ms = clock_ms();
    snprintf(key, sizeof key, "name %s", f->text);
    timer_set(&f->again, RETRY_MS);
    if (!is_none)
        f->none_since_ms = 0;
    else if (f->none_since_ms == 0)
        f->none_since_ms = now_ms;
    bool is_gone = is_none && now_ms - f->none_since_ms >= NONE_HOLDS_MS;
    log_repeated(LOG_LEVEL_WARN, key, "pool \"%s\": %s does not resolve: %s%s", f->pool_name,
                 f->text, why, is_gone ? "" : "; the members that it had stay");
    if (is_gone) follow(f, &NOBODY);
}

// --- the list ---

// Has the pool's members follow: those that are gone get no more requests (what is under way goes on), new ones come.
static void follow(struct followed *f, const struct wanted_list *wanted) {
    struct names *n = f->names;
    const struct table_entry *old;
    size_t count = pools_read(n->pools, slice_of(f->pool), &old);
    struct table_entry *entries = calloc(count + wanted->count + 1, sizeof *entries);
    CHECK(entries);
    memcpy(entries, old, count * sizeof *entries);
    struct table_entry *name = find_entry(n, entries, count, f->text);
    if (wanted->count > 0) f->none_since_ms = 0;
    if (name && name->wish == WISH_REMOVED) wanted = &NOBODY;
    if (name) {
        uint32_t via = name->slot + 1;
        name->via = wanted->count > 0 ? via : 0;
        count = without_gone(f, entries, count, via, wanted);
        count = with_new(f, entries, count, via, wanted);
        if (!pools_put(n->pools, slice_of(f->pool), entries, count))
            log_error("pool \"%s\": the table of backends is full", f->pool_name);
    }
    free(entries);
}

static struct table_entry *find_entry(struct names *n, struct table_entry *entries, size_t count,
                                      const char *text) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(table_text(n->table, entries[i].slot), text) == 0) return &entries[i];
    return NULL;
}

static const struct wanted *find_wanted(const struct wanted_list *wanted, const char *text) {
    for (size_t i = 0; i < wanted->count; i++)
        if (strcmp(wanted->at[i].text, text) == 0) return &wanted->at[i];
    return NULL;
}

static size_t without_gone(struct followed *f, struct table_entry *entries, size_t count,
                           uint32_t via, const struct wanted_list *wanted) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = table_text(f->names->table, entries[i].slot);
        bool is_ours = entries[i].origin == ORIGIN_NAME && entries[i].via == via;
        if (is_ours && !find_wanted(wanted, text)) {
            log_info("pool \"%s\": %s is gone: %s does not name it any more", f->pool_name, text,
                     f->text);
            continue;
        }
        entries[kept++] = entries[i];
    }
    return kept;
}

static size_t with_new(struct followed *f, struct table_entry *entries, size_t count, uint32_t via,
                       const struct wanted_list *wanted) {
    struct names *n = f->names;
    for (size_t i = 0; i < wanted->count; i++) {
        const struct wanted *w = &wanted->at[i];
        struct table_entry *e = find_entry(n, entries, count, w->text);
        uint32_t slot;
        if (e && e->origin == ORIGIN_NAME && e->via == via) pools_follow_settings(e, &w->settings);
        if (e || count == TABLE_LIST_MAX) continue;
        if (!table_take_slot(pools_writer(n->pools), slice_of(w->text), &slot)) continue;
        entries[count++] = (struct table_entry){.slot = slot,
                                                .origin = ORIGIN_NAME,
                                                .since = (uint32_t)time(NULL),
                                                .live = w->settings,
                                                .file = w->settings,
                                                .via = via};
        log_info("pool \"%s\": %s is a member: %s names it", f->pool_name, w->text, f->text);
    }
    return count;
}
