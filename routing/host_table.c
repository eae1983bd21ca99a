// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <xxhash.h>

#include "core/hostname.h"
#include "routing/site.h"

// Open addressing over the names as sites have them: "example.com", "*.example.com", "*". A wildcard stands for one label or more.
// A lookup tries the name, then a wildcard for each of its suffixes, longest first, but only at depths that some wildcard has.
struct slot {
    uint32_t hash;
    uint32_t number; // of the site, from 1; 0: free
};

struct host_table {
    size_t mask;
    struct site_entry *entries;
    unsigned char depths[HOSTNAME_MAX / 8 + 1]; // bit n: there is a wildcard of n labels
    struct site *any;                           // "*"
    struct slot slots[];
};

static struct site *find_name(const struct host_table *t, struct slice name, bool is_wildcard);
static uint32_t hash_name(struct slice name, bool is_wildcard);
static bool is_wildcard_name(struct slice name);
static unsigned count_labels(struct slice name);

struct host_table *host_table_new(struct arena *a, struct site_entry *entries, size_t count) {
    size_t size = 16;
    while (size < count + count / 2 + 1) size *= 2;
    struct host_table *t = arena_zalloc(a, sizeof *t + size * sizeof *t->slots);
    t->mask = size - 1;
    t->entries = entries;
    return t;
}

bool host_table_add(struct host_table *t, size_t number, struct site **there) {
    struct site *site = &t->entries[number].site;
    struct slice name = slice_of(site->name);
    bool is_wildcard = is_wildcard_name(name);
    if (slice_equals(name, SLICE("*"))) {
        *there = t->any;
        if (!t->any) t->any = site;
        return *there == NULL;
    }
    if (is_wildcard) name = slice_skip(name, 2);
    *there = find_name(t, name, is_wildcard);
    if (*there) return false;
    uint32_t hash = hash_name(name, is_wildcard);
    size_t i = hash & t->mask;
    while (t->slots[i].number) i = (i + 1) & t->mask;
    t->slots[i] = (struct slot){hash, (uint32_t)number + 1};
    unsigned depth = count_labels(name);
    if (is_wildcard) t->depths[depth / 8] |= (unsigned char)(1u << depth % 8);
    return true;
}

struct site *host_table_find(const struct host_table *t, struct slice host) {
    return host_table_next(t, host, NULL);
}

struct site *host_table_next(const struct host_table *t, struct slice host,
                             const struct site *after) {
    if (host.len > HOSTNAME_MAX) return after == t->any ? NULL : t->any;
    bool is_past = after == NULL;
    struct site *found = host.len > 0 ? find_name(t, host, false) : NULL;
    if (found && is_past) return found;
    if (found == after) is_past = true;
    unsigned depth = count_labels(host);
    for (struct slice rest = host; depth > 1; depth--) {
        slice_cut(&rest, '.');
        if (!(t->depths[(depth - 1) / 8] & 1u << (depth - 1) % 8)) continue;
        found = find_name(t, rest, true);
        if (found && is_past) return found;
        if (found == after) is_past = true;
    }
    return is_past && t->any != after ? t->any : NULL;
}

static struct site *find_name(const struct host_table *t, struct slice name, bool is_wildcard) {
    uint32_t hash = hash_name(name, is_wildcard);
    for (size_t i = hash & t->mask; t->slots[i].number; i = (i + 1) & t->mask) {
        if (t->slots[i].hash != hash) continue;
        struct site *site = &t->entries[t->slots[i].number - 1].site;
        struct slice found = slice_of(site->name);
        if (is_wildcard_name(found) != is_wildcard) continue;
        if (slice_equals(is_wildcard ? slice_skip(found, 2) : found, name)) return site;
    }
    return NULL;
}

static uint32_t hash_name(struct slice name, bool is_wildcard) {
    return (uint32_t)XXH3_64bits_withSeed(name.at, name.len, is_wildcard);
}

static bool is_wildcard_name(struct slice name) {
    return name.len > 2 && name.at[0] == '*' && name.at[1] == '.';
}

static unsigned count_labels(struct slice name) {
    unsigned n = 1;
    for (size_t i = 0; i < name.len; i++) n += name.at[i] == '.';
    return n;
}
