// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/load.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/check.h"
#include "tls/reason.h"

// What a file holds of one kind.
struct wanted {
    const char *word; // for messages
    const char *const *labels;
    int max;
    // Decodes one and keeps it; NULL `at` afterwards is a failure.
    bool (*take)(void *out, const unsigned char **at, long len);
    int (*count)(const void *out);
};
struct loading {
    const struct wanted *wanted;
    void *out; // a stack
    const char *path;
    struct text *problems;
    size_t failed;
};

static size_t load(struct loading *l, struct slice content);
static void load_der(struct loading *l, struct slice content);
static void load_pem(struct loading *l, struct slice content);
static bool is_wanted(const struct loading *l, const char *label);
static void take(struct loading *l, const unsigned char **at, long len);
static void fail(struct loading *l, const char *why);
static bool take_certificate(void *out, const unsigned char **at, long len);
static bool take_crl(void *out, const unsigned char **at, long len);
static int count_certificates(const void *out);
static int count_crls(const void *out);

static const char *const certificate_labels[] = {PEM_STRING_X509, PEM_STRING_X509_OLD, NULL};
static const char *const crl_labels[] = {PEM_STRING_X509_CRL, NULL};
static const struct wanted certificates = {"certificate", certificate_labels, LOAD_CERTIFICATES_MAX,
                                           take_certificate, count_certificates};
static const struct wanted crls = {"CRL", crl_labels, LOAD_CRLS_MAX, take_crl, count_crls};

size_t load_certificates(struct slice content, const char *path, STACK_OF(X509) * *out,
                         struct text *problems) {
    *out = sk_X509_new_null();
    CHECK(*out);
    struct loading l = {.wanted = &certificates, .out = *out, .path = path, .problems = problems};
    return load(&l, content);
}

size_t load_crls(struct slice content, const char *path, STACK_OF(X509_CRL) * *out,
                 struct text *problems) {
    *out = sk_X509_CRL_new_null();
    CHECK(*out);
    struct loading l = {.wanted = &crls, .out = *out, .path = path, .problems = problems};
    return load(&l, content);
}

static size_t load(struct loading *l, struct slice content) {
    if (content.len == 0) return 0;
    if (content.len > INT_MAX)
        fail(l, "the file is too large");
    else if ((unsigned char)content.at[0] == (V_ASN1_CONSTRUCTED | V_ASN1_SEQUENCE))
        load_der(l, content);
    else
        load_pem(l, content);
    ERR_clear_error();
    return l->failed;
}

static void load_der(struct loading *l, struct slice content) {
    const unsigned char *at = (const unsigned char *)content.at, *end = at + content.len;
    while (at && at < end) take(l, &at, end - at);
}

static void load_pem(struct loading *l, struct slice content) {
    BIO *in = BIO_new_mem_buf(content.at, (int)content.len);
    char *label = NULL, *header = NULL;
    unsigned char *bytes = NULL;
    long len = 0;
    CHECK(in);
    for (;;) {
        ERR_clear_error();
        if (PEM_read_bio(in, &label, &header, &bytes, &len) == 1) {
            const unsigned char *at = bytes;
            if (is_wanted(l, label)) take(l, &at, len);
            OPENSSL_free(label);
            OPENSSL_free(header);
            OPENSSL_free(bytes);
        } else if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
            break;
        } else {
            fail(l, "a block is cut or damaged");
        }
    }
    BIO_free(in);
}

static bool is_wanted(const struct loading *l, const char *label) {
    for (const char *const *known = l->wanted->labels; *known; known++)
        if (strcmp(label, *known) == 0) return true;
    return false;
}

// One object; *at moves behind it, or becomes NULL when it cannot be decoded.
static void take(struct loading *l, const unsigned char **at, long len) {
    struct text why;
    if (l->wanted->count(l->out) >= l->wanted->max) {
        fail(l, "there are too many in the file");
        *at = NULL;
        return;
    }
    if (l->wanted->take(l->out, at, len)) return;
    *at = NULL;
    text_init(&why, 300);
    reason_take_plain(&why);
    fail(l, text_string(&why));
    text_fini(&why);
}

static void fail(struct loading *l, const char *why) {
    l->failed++;
    text_printf(l->problems, "%s: %s %zu: %s\n", l->path, l->wanted->word,
                (size_t)l->wanted->count(l->out) + l->failed, why);
}

static bool take_certificate(void *out, const unsigned char **at, long len) {
    X509 *cert = d2i_X509(NULL, at, len);
    if (cert) CHECK(sk_X509_push(out, cert) > 0);
    return cert != NULL;
}

static bool take_crl(void *out, const unsigned char **at, long len) {
    X509_CRL *crl = d2i_X509_CRL(NULL, at, len);
    if (crl) CHECK(sk_X509_CRL_push(out, crl) > 0);
    return crl != NULL;
}

static int count_certificates(const void *out) {
    return sk_X509_num(out);
}

static int count_crls(const void *out) {
    return sk_X509_CRL_num(out);
}
