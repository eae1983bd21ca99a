// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/decoded.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "core/check.h"
#include "tls/chain/print_map.h"

struct decoded {
    struct print_map *certs; // X509, a reference each
};

static long length_of(const unsigned char *at, long len);
static void drop(void *cert);

struct decoded *decoded_new(void) {
    struct decoded *d = malloc(sizeof *d);
    CHECK(d);
    d->certs = print_map_new();
    return d;
}

void decoded_free(struct decoded *d) {
    if (!d) return;
    print_map_free(d->certs, drop);
    free(d);
}

static void drop(void *cert) {
    X509_free(cert);
}

X509 *decoded_take(struct decoded *d, const unsigned char **at, long len) {
    unsigned char print[PRINT_BYTES];
    const unsigned char *begin = *at;
    long own = d ? length_of(begin, len) : 0;
    if (own == 0 || EVP_Digest(begin, (size_t)own, print, NULL, EVP_sha256(), NULL) != 1)
        return d2i_X509(NULL, at, len);
    X509 *cert = print_map_find(d->certs, print, NULL);
    if (cert) {
        *at += own;
        X509_up_ref(cert);
        return cert;
    }
    cert = d2i_X509(NULL, at, own);
    if (cert && print_map_add(d->certs, print, NULL, cert)) X509_up_ref(cert);
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
