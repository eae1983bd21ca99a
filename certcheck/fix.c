// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/fix.h"

#include <openssl/pem.h>

#include "core/check.h"
#include "tls/certificate.h"

static void add_bio(struct text *pem, BIO *bio);

bool fix_write(const struct report *r, bool has_key, struct text *pem, struct text *why) {
    const struct path *best = &r->candidates.best;
    if (!r->has_trial || best->length == 0) {
        text_printf(why, "%s: there is no valid path that could be written", r->target->name);
        return false;
    }
    if (has_key &&
        (!r->target->key || X509_check_private_key(r->trial.leaf, r->target->key) != 1)) {
        text_printf(why, "%s: holds no private key of this certificate", r->target->name);
        return false;
    }
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(bio);
    if (has_key)
        CHECK(PEM_write_bio_PrivateKey(bio, r->target->key, NULL, NULL, 0, NULL, NULL) == 1);
    for (size_t i = 0; i < best->length; i++) {
        X509 *cert = best->steps[i]->cert;
        bool is_root = i > 0 && i + 1 == best->length && certificate_is_self_issued(cert);
        if (!is_root) CHECK(PEM_write_bio_X509(bio, cert) == 1);
    }
    add_bio(pem, bio);
    return true;
}

static void add_bio(struct text *pem, BIO *bio) {
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    text_add(pem, (struct slice){at, len > 0 ? (size_t)len : 0});
    if (len > 0) OPENSSL_cleanse(at, (size_t)len);
    BIO_free(bio);
}
