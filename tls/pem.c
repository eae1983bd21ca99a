// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "core/check.h"
#include "tls/reason.h"

// One block of the file, decoded from base64.
struct block {
    char *name, *header;
    unsigned char *bytes;
    long len;
    size_t offset; // where reading began
};

enum block_result { BLOCK_READ, BLOCK_DAMAGED, BLOCK_NONE };

static enum block_result next_block(BIO *in, struct slice content, struct block *b);
static void block_fini(struct block *b);
static bool take_block(struct pem *p, const struct block *b, struct text *why);
static bool take_certificate(struct pem *p, const struct block *b, struct text *why);
static bool take_key(struct pem *p, const struct block *b, struct text *why);
static size_t begin_line(struct slice content, size_t offset);
static bool ends_with(const char *text, const char *end);

bool pem_read(struct pem *p, const char *path, struct slice content, struct text *problems) {
    *p = (struct pem){.certificates = sk_X509_new_null()};
    CHECK(p->certificates);
    if (content.len == 0 || content.len > INT_MAX) return true;
    BIO *in = BIO_new_mem_buf(content.at, (int)content.len);
    CHECK(in);
    struct text why;
    text_init(&why, 500);
    struct block b = {0};
    enum block_result result;
    while ((result = next_block(in, content, &b)) == BLOCK_READ) {
        bool is_good = take_block(p, &b, &why);
        block_fini(&b);
        if (!is_good) break;
    }
    if (result == BLOCK_DAMAGED) {
        text_add(&why, SLICE("this block is cut or damaged ("));
        reason_take_plain(&why);
        text_add(&why, SLICE("); put the whole of it there again"));
    }
    if (why.len > 0)
        text_printf(problems, "%s:%zu: %s\n", path, begin_line(content, b.offset),
                    text_string(&why));
    bool is_good = why.len == 0;
    text_fini(&why);
    BIO_free(in);
    ERR_clear_error();
    return is_good;
}

void pem_fini(struct pem *p) {
    sk_X509_pop_free(p->certificates, X509_free);
    EVP_PKEY_free(p->key);
    *p = (struct pem){0};
}

static enum block_result next_block(BIO *in, struct slice content, struct block *b) {
    long left = BIO_pending(in);
    *b = (struct block){.offset = content.len - (size_t)left};
    ERR_clear_error();
    if (PEM_read_bio_ex(in, &b->name, &b->header, &b->bytes, &b->len,
                        PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) == 1)
        return BLOCK_READ;
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? BLOCK_NONE
                                                                        : BLOCK_DAMAGED;
}

static void block_fini(struct block *b) {
    OPENSSL_secure_free(b->name);
    OPENSSL_secure_free(b->header);
    OPENSSL_secure_clear_free(b->bytes, b->len > 0 ? (size_t)b->len : 0);
    b->name = b->header = NULL;
    b->bytes = NULL;
}

static bool take_block(struct pem *p, const struct block *b, struct text *why) {
    if (strcmp(b->name, PEM_STRING_X509) == 0 || strcmp(b->name, PEM_STRING_X509_OLD) == 0)
        return take_certificate(p, b, why);
    if (ends_with(b->name, "PRIVATE KEY")) return take_key(p, b, why);
    return true;
}

static bool take_certificate(struct pem *p, const struct block *b, struct text *why) {
    const unsigned char *at = b->bytes;
    if (sk_X509_num(p->certificates) >= PEM_CERTIFICATES_MAX) {
        text_printf(why, "more than %d certificates; leave in only the chain of the first",
                    PEM_CERTIFICATES_MAX);
        return false;
    }
    X509 *cert = d2i_X509(NULL, &at, b->len);
    if (cert && at == b->bytes + b->len) {
        CHECK(sk_X509_push(p->certificates, cert) > 0);
        return true;
    }
    X509_free(cert);
    text_printf(why, "certificate %d of the file is damaged (", sk_X509_num(p->certificates) + 1);
    reason_take_plain(why);
    text_add(why, SLICE("); put it there again"));
    return false;
}

static bool take_key(struct pem *p, const struct block *b, struct text *why) {
    const unsigned char *at = b->bytes;
    if (strcmp(b->name, PEM_STRING_PKCS8) == 0 || strstr(b->header, "ENCRYPTED")) {
        text_add(
            why,
            SLICE(
                "the private key is encrypted with a pass phrase, which rsp has nobody to ask for; "
                "write it without one (openssl pkey -in OLD -out NEW)"));
        return false;
    }
    p->key_count++;
    if (p->key) return true;
    p->key = d2i_AutoPrivateKey(NULL, &at, b->len);
    if (p->key) return true;
    text_add(why, SLICE("the private key is damaged or of an unknown kind ("));
    reason_take_plain(why);
    text_add(why, SLICE("); put it there again"));
    return false;
}

// The number of the line with the next BEGIN at or after `offset`; for messages.
static size_t begin_line(struct slice content, size_t offset) {
    struct slice rest = slice_skip(content, offset);
    const char *begin = rest.len > 0 ? memmem(rest.at, rest.len, "-----BEGIN ", 11) : NULL;
    size_t end = begin ? (size_t)(begin - content.at) : offset;
    size_t line = 1;
    for (size_t i = 0; i < end; i++) line += content.at[i] == '\n';
    return line;
}

static bool ends_with(const char *text, const char *end) {
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}
