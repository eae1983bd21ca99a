// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/graph.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "tls/chain/strength.h"

// Of each hash table; powers of two.
#define BUCKETS_MIN 64
#define BUCKETS_MAX 4096

// Chains of a hash table are put together at the head and taken apart in the opposite order by graph_rewind().
struct name {
    const X509_NAME *name; // of the version that brought it
    uint32_t hash, next_in_bucket;
    uint32_t first; // version with this subject
};
struct entity {
    unsigned char key_print[PRINT_BYTES];
    uint32_t name, next_in_bucket;
};
struct graph {
    struct version *versions;
    struct name *names;
    struct entity *entities;
    uint32_t *next_in_bucket; // of versions
    size_t count, name_count, entity_count;
    size_t room, name_room, entity_room;
    struct mark *marks;                                        // what stood before each version
    uint32_t *version_buckets, *name_buckets, *entity_buckets; // one block
    uint32_t buckets;
};
// How many names and entities there were before a version came.
struct mark {
    size_t name_count, entity_count;
};

static void grow(struct graph *g);
static uint32_t find_version(const struct graph *g, const unsigned char *print);
static uint32_t intern_name(struct graph *g, const X509_NAME *name);
static uint32_t intern_entity(struct graph *g, uint32_t name, X509 *cert);
static bool print_of_key(X509 *cert, unsigned char *print);
static time_t seconds_of(const ASN1_TIME *time);
static uint32_t bucket_of(const struct graph *g, const unsigned char *print);
static bool lower(const struct graph *g, int bits, unsigned char *distances, unsigned char round);

struct graph *graph_new(size_t expected) {
    struct graph *g = calloc(1, sizeof *g);
    CHECK(g);
    g->buckets = BUCKETS_MIN;
    while (g->buckets < expected && g->buckets < BUCKETS_MAX) g->buckets *= 2;
    size_t bytes = g->buckets * sizeof *g->version_buckets;
    g->version_buckets = malloc(bytes * 3);
    CHECK(g->version_buckets);
    memset(g->version_buckets, 0xff, bytes * 3); // GRAPH_NOBODY
    g->name_buckets = g->version_buckets + g->buckets;
    g->entity_buckets = g->name_buckets + g->buckets;
    return g;
}

void graph_free(struct graph *g) {
    if (!g) return;
    for (size_t i = 0; i < g->count; i++) X509_free(g->versions[i].step.cert);
    free(g->version_buckets);
    free(g->versions);
    free(g->next_in_bucket);
    free(g->marks);
    free(g->names);
    free(g->entities);
    free(g);
}

uint32_t graph_add(struct graph *g, X509 *cert, bool is_anchor) {
    struct version v = {.is_anchor = is_anchor, .next = GRAPH_NOBODY};
    unsigned len = 0;
    if (X509_digest(cert, EVP_sha256(), v.step.print, &len) != 1) {
        ERR_clear_error();
        return GRAPH_NOBODY;
    }
    uint32_t number = find_version(g, v.step.print);
    if (number != GRAPH_NOBODY) {
        if (is_anchor) g->versions[number].is_anchor = true;
        return number;
    }
    if (g->count >= GRAPH_VERSIONS_MAX) return GRAPH_NOBODY;
    grow(g);
    number = (uint32_t)g->count;
    g->marks[number] = (struct mark){g->name_count, g->entity_count};
    X509_up_ref(cert);
    v.step.cert = cert;
    v.step.begins = seconds_of(X509_get0_notBefore(cert));
    v.step.ends = seconds_of(X509_get0_notAfter(cert));
    v.subject = intern_name(g, X509_get_subject_name(cert));
    v.issuer = intern_name(g, X509_get_issuer_name(cert));
    v.entity = intern_entity(g, v.subject, cert);
    v.digest_bits = strength_of_digest(cert);
    v.key_bits = strength_of_key(X509_get0_pubkey(cert));
    v.key_id = X509_get0_subject_key_id(cert);
    v.issuer_key_id = X509_get0_authority_key_id(cert);
    v.next = g->names[v.subject].first;
    g->names[v.subject].first = number;
    g->next_in_bucket[number] = g->version_buckets[bucket_of(g, v.step.print)];
    g->version_buckets[bucket_of(g, v.step.print)] = number;
    g->versions[g->count++] = v;
    ERR_clear_error();
    return number;
}

size_t graph_count(const struct graph *g) {
    return g->count;
}

struct version *graph_version(struct graph *g, uint32_t number) {
    CHECK(number < g->count);
    return &g->versions[number];
}

uint32_t graph_first(const struct graph *g, uint32_t name) {
    return g->names[name].first;
}

uint32_t graph_names(const struct graph *g) {
    return (uint32_t)g->name_count;
}

uint32_t graph_entities(const struct graph *g) {
    return (uint32_t)g->entity_count;
}

const unsigned char *graph_key_print(const struct graph *g, uint32_t entity) {
    return g->entities[entity].key_print;
}

void graph_rewind(struct graph *g, size_t count) {
    while (g->count > count) {
        uint32_t number = (uint32_t)--g->count;
        struct version *v = &g->versions[number];
        const struct mark *before = &g->marks[number];
        g->version_buckets[bucket_of(g, v->step.print)] = g->next_in_bucket[number];
        g->names[v->subject].first = v->next;
        while (g->entity_count > before->entity_count) {
            const struct entity *e = &g->entities[--g->entity_count];
            g->entity_buckets[bucket_of(g, e->key_print)] = e->next_in_bucket;
        }
        while (g->name_count > before->name_count) {
            const struct name *n = &g->names[--g->name_count];
            g->name_buckets[n->hash % g->buckets] = n->next_in_bucket;
        }
        X509_free(v->step.cert);
    }
}

void graph_reach(const struct graph *g, int bits, graph_barred_fn *is_barred, void *arg,
                 unsigned char *distances) {
    memset(distances, 0, g->name_count);
    for (uint32_t i = 0; i < g->count; i++)
        if (g->versions[i].is_anchor && !(is_barred && is_barred(arg, i)))
            distances[g->versions[i].subject] = 1;
    for (unsigned char round = 2; round <= PATH_LENGTH_MAX; round++)
        if (!lower(g, bits, distances, round)) break;
}

// One round: names whose versions were issued by a name of the round before. Strength is judged by what the version and
// any issuer's key allow; too generous at worst.
static bool lower(const struct graph *g, int bits, unsigned char *distances, unsigned char round) {
    bool has_changed = false;
    for (size_t i = 0; i < g->count; i++) {
        const struct version *v = &g->versions[i];
        if (distances[v->subject] != 0 || distances[v->issuer] != round - 1) continue;
        if (v->digest_bits < bits) continue;
        distances[v->subject] = round;
        has_changed = true;
    }
    return has_changed;
}

static void *grown(void *at, size_t *room, size_t count, size_t bytes) {
    if (count < *room) return at;
    size_t more = *room ? *room * 2 : 16;
    at = realloc(at, more * bytes);
    CHECK(at);
    *room = more;
    return at;
}

static void grow(struct graph *g) {
    size_t room = g->room;
    g->versions = grown(g->versions, &room, g->count, sizeof *g->versions);
    if (room == g->room) return;
    g->room = room;
    g->next_in_bucket = realloc(g->next_in_bucket, room * sizeof *g->next_in_bucket);
    g->marks = realloc(g->marks, room * sizeof *g->marks);
    CHECK(g->next_in_bucket && g->marks);
}

static uint32_t find_version(const struct graph *g, const unsigned char *print) {
    uint32_t i = g->version_buckets[bucket_of(g, print)];
    while (i != GRAPH_NOBODY && memcmp(g->versions[i].step.print, print, PRINT_BYTES) != 0)
        i = g->next_in_bucket[i];
    return i;
}

static uint32_t intern_name(struct graph *g, const X509_NAME *name) {
    uint32_t hash = (uint32_t)X509_NAME_hash_ex(name, NULL, NULL, NULL);
    for (uint32_t i = g->name_buckets[hash % g->buckets]; i != GRAPH_NOBODY;
         i = g->names[i].next_in_bucket)
        if (g->names[i].hash == hash && X509_NAME_cmp(g->names[i].name, name) == 0) return i;
    g->names = grown(g->names, &g->name_room, g->name_count, sizeof *g->names);
    uint32_t number = (uint32_t)g->name_count++;
    g->names[number] = (struct name){name, hash, g->name_buckets[hash % g->buckets], GRAPH_NOBODY};
    g->name_buckets[hash % g->buckets] = number;
    return number;
}

static uint32_t intern_entity(struct graph *g, uint32_t name, X509 *cert) {
    struct entity e = {.name = name};
    if (!print_of_key(cert, e.key_print)) memset(e.key_print, 0, sizeof e.key_print);
    uint32_t *bucket = &g->entity_buckets[bucket_of(g, e.key_print)];
    for (uint32_t i = *bucket; i != GRAPH_NOBODY; i = g->entities[i].next_in_bucket)
        if (g->entities[i].name == name &&
            memcmp(g->entities[i].key_print, e.key_print, PRINT_BYTES) == 0)
            return i;
    g->entities = grown(g->entities, &g->entity_room, g->entity_count, sizeof *g->entities);
    uint32_t number = (uint32_t)g->entity_count++;
    e.next_in_bucket = *bucket;
    g->entities[number] = e;
    *bucket = number;
    return number;
}

static bool print_of_key(X509 *cert, unsigned char *print) {
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    bool is_good = len > 0 && EVP_Digest(der, (size_t)len, print, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return is_good;
}

// An unreadable time is 0; such a certificate is refused by its rules, not by the order.
static time_t seconds_of(const ASN1_TIME *time) {
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

static uint32_t bucket_of(const struct graph *g, const unsigned char *print) {
    return (print[0] | (uint32_t)print[1] << 8) % g->buckets;
}
