// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/decoded.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "tls/chain/path.h"

struct known {
    unsigned char print[PRINT_BYTES]; // SHA-256 of the bytes
    X509 *cert;                       // NULL: the place is free
};
// Open addressing; never more than half full.
struct decoded {
    struct known *places;
    size_t room, count; // room: a power of two
};

static long length_of(const unsigned char *at, long len);
static struct known *find(const struct decoded *d, const unsigned char *print);
static void grow(struct decoded *d);

struct decoded *decoded_new(void) {
    struct decoded *d = calloc(1, sizeof *d);
    CHECK(d);
    grow(d);
    return d;
}

void decoded_free(struct decoded *d) {
    if (!d) return;
    for (size_t i = 0; i < d->room; i++) X509_free(d->places[i].cert);
    free(d->places);
    free(d);
}

X509 *decoded_take(struct decoded *d, const unsigned char **at, long len) {
    unsigned char print[PRINT_BYTES];
    const unsigned char *begin = *at;
    long own = d ? length_of(begin, len) : 0;
    if (own == 0 || EVP_Digest(begin, (size_t)own, print, NULL, EVP_sha256(), NULL) != 1)
        return d2i_X509(NULL, at, len);
    struct known *one = find(d, print);
    if (one->cert)
        *at += own;
    else if (d->count == DECODED_MAX || !(one->cert = d2i_X509(NULL, at, own)))
        return d2i_X509(NULL, at, len);
    else {
        memcpy(one->print, print, sizeof print);
        d->count++;
    }
    X509 *cert = one->cert;
    X509_up_ref(cert);
    if (d->count * 2 > d->room) grow(d);
    return cert;
}

// Of the object that begins there; 0: that cannot be told, or there is less.
static long length_of(const unsigned char *at, long len) {
    const unsigned char *content = at;
    long content_len = 0;
    int tag = 0, class = 0;
    int form = ASN1_get_object(&content, &content_len, &tag, &class, len);
    bool is_definite = form == V_ASN1_CONSTRUCTED;
    return is_definite && tag == V_ASN1_SEQUENCE ? (long)(content - at) + content_len : 0;
}

// Its place, or the one where it belongs.
static struct known *find(const struct decoded *d, const unsigned char *print) {
    uint32_t hash;
    memcpy(&hash, print, sizeof hash);
    size_t i = hash & (d->room - 1);
    while (d->places[i].cert && memcmp(d->places[i].print, print, PRINT_BYTES) != 0)
        i = (i + 1) & (d->room - 1);
    return &d->places[i];
}

static void grow(struct decoded *d) {
    struct decoded more = {.room = d->room ? d->room * 2 : 64, .count = d->count};
    more.places = calloc(more.room, sizeof *more.places);
    CHECK(more.places);
    for (size_t i = 0; i < d->room; i++)
        if (d->places[i].cert) *find(&more, d->places[i].print) = d->places[i];
    free(d->places);
    *d = more;
}
