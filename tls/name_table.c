// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/name_table.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/hostname.h"

#define SIZE_MIN 16

static struct name_entry *place_of(const struct name_table *t, struct slice name);
static void grow(struct name_table *t);
static size_t hash(struct slice name);
static bool lasts_longer(const struct identity *a, const struct identity *b);
static const struct name_entry *find_wildcard(const struct name_table *t, struct slice host);

void name_table_fini(struct name_table *t) {
    for (size_t i = 0; i < t->size; i++) free(t->entries[i].name);
    free(t->entries);
    *t = (struct name_table){0};
}

void name_table_claim(struct name_table *t, struct slice name, const struct identity *identity,
                      enum claim claim) {
    if (2 * (t->count + 1) > t->size) grow(t);
    struct name_entry *e = place_of(t, name);
    if (!e->name) {
        *e = (struct name_entry){.name = strndup(name.at, name.len)};
        CHECK(e->name);
        t->count++;
    }
    if (claim < e->claim) return;
    if (claim > e->claim) memset(e->identities, 0, sizeof e->identities);
    e->claim = claim;
    if (!identity) return;
    const struct identity **holder = &e->identities[identity->kind];
    if (!*holder || lasts_longer(identity, *holder)) *holder = identity;
}

bool name_entry_is_usable(const struct name_entry *e) {
    for (int i = 0; i < KEY_KINDS; i++)
        if (e->identities[i]) return true;
    return false;
}

const struct name_entry *name_table_find(const struct name_table *t, struct slice host) {
    if (t->size == 0 || host.len == 0) return NULL;
    const struct name_entry *exact = place_of(t, host);
    if (!exact->name) exact = NULL;
    if (exact && (name_entry_is_usable(exact) || exact->claim == CLAIM_BY_SITE)) return exact;
    const struct name_entry *wild = find_wildcard(t, host);
    if (wild && (!exact || name_entry_is_usable(wild))) return wild;
    return exact;
}

// The nearest one: "*.b.example" before "*.example" before "*".
static const struct name_entry *find_wildcard(const struct name_table *t, struct slice host) {
    char name[HOSTNAME_MAX + 2] = "*";
    const struct name_entry *e;
    struct slice rest = host;
    for (size_t labels = 1; slice_cut(&rest, '.'), rest.at; labels++) {
        if (rest.len + 2 >= sizeof name) continue;
        name[1] = '.';
        memcpy(name + 2, rest.at, rest.len);
        e = place_of(t, (struct slice){name, rest.len + 2});
        if (e->name && (labels == 1 || e->claim == CLAIM_BY_SITE)) return e;
    }
    e = place_of(t, SLICE("*"));
    return e->name ? e : NULL;
}

static struct name_entry *place_of(const struct name_table *t, struct slice name) {
    size_t i = hash(name) & (t->size - 1);
    while (t->entries[i].name && !slice_equals(slice_of(t->entries[i].name), name))
        i = (i + 1) & (t->size - 1);
    return &t->entries[i];
}

static void grow(struct name_table *t) {
    struct name_table bigger = {.size = t->size > 0 ? 2 * t->size : SIZE_MIN, .count = t->count};
    bigger.entries = calloc(bigger.size, sizeof *bigger.entries);
    CHECK(bigger.entries);
    for (size_t i = 0; i < t->size; i++)
        if (t->entries[i].name) *place_of(&bigger, slice_of(t->entries[i].name)) = t->entries[i];
    free(t->entries);
    *t = bigger;
}

// FNV-1a: the names are the operator's, nobody outside can choose colliding ones.
static size_t hash(struct slice name) {
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < name.len; i++) h = (h ^ (unsigned char)name.at[i]) * 1099511628211u;
    return (size_t)(h ^ (h >> 32));
}

static bool lasts_longer(const struct identity *a, const struct identity *b) {
    return ASN1_TIME_compare(X509_get0_notAfter(a->leaf), X509_get0_notAfter(b->leaf)) > 0;
}
