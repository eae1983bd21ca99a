// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/peer_certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/address.h"
#include "core/check.h"
#include "core/text.h"
#include "tls/certificate.h"
#include "tls/chain/path.h"
#include "tls/ticket_note.h"

enum { WORDS_BYTES_MAX = 32768, FIELD_BYTES_MAX = 65536, NAMES_MAX = 100 };

struct peer_certificate {
    struct tls_peer words;
    struct text memory; // of the words
    struct slice names[NAMES_MAX];
    X509 *cert;
    STACK_OF(X509) * intermediates; // of its path
    struct text field, chain_field; // empty until they are asked for
};
// Where a word begins and ends in the memory, which moves while it grows.
struct span {
    size_t at, len;
};

static void take_path(struct peer_certificate *p, SSL *ssl, int bits);
static void take_intermediates(struct peer_certificate *p, struct slice der);
static void write_distinguished_name(struct text *out, const X509_NAME *name);
static void write_words(struct peer_certificate *p);
static size_t write_names(struct peer_certificate *p, struct span spans[NAMES_MAX]);
static bool write_name(struct text *out, const GENERAL_NAME *name);
static struct span ended(const struct text *t, size_t begin);
static struct slice slice_at(const struct text *t, struct span span);
static void write_fingerprint(struct text *out, const X509 *cert);
static int64_t seconds_of(const ASN1_TIME *time);
static void add_bytes(struct text *out, X509 *cert);

struct peer_certificate *peer_certificate_new(SSL *ssl, int bits) {
    X509 *cert = SSL_get1_peer_certificate(ssl);
    if (!cert) return NULL;
    struct peer_certificate *p = calloc(1, sizeof *p);
    CHECK(p);
    p->cert = cert;
    p->intermediates = sk_X509_new_null();
    CHECK(p->intermediates);
    text_init(&p->memory, WORDS_BYTES_MAX);
    text_init(&p->field, FIELD_BYTES_MAX);
    text_init(&p->chain_field, FIELD_BYTES_MAX);
    take_path(p, ssl, bits);
    write_words(p);
    ERR_clear_error();
    return p;
}

void peer_certificate_free(struct peer_certificate *p) {
    if (!p) return;
    X509_free(p->cert);
    sk_X509_pop_free(p->intermediates, X509_free);
    text_fini(&p->memory);
    text_fini(&p->field);
    text_fini(&p->chain_field);
    free(p);
}

const struct tls_peer *peer_certificate_words(const struct peer_certificate *p) {
    return &p->words;
}

// RFC 9440 section 2.2 and 2.3: a byte sequence, and a list of such (RFC 8941).
struct slice peer_certificate_field(struct peer_certificate *p, bool is_chain) {
    struct text *out = is_chain ? &p->chain_field : &p->field;
    if (out->len > 0) return text_slice(out);
    if (!is_chain) add_bytes(out, p->cert);
    for (int i = 0; is_chain && i < sk_X509_num(p->intermediates); i++) {
        if (i > 0) text_add(out, SLICE(", "));
        add_bytes(out, sk_X509_value(p->intermediates, i));
    }
    if (out->is_cut) text_clear(out);
    return text_slice(out);
}

// Of a resumed session only the ticket knows the path.
static void take_path(struct peer_certificate *p, SSL *ssl, int bits) {
    const STACK_OF(X509) *path = SSL_get0_verified_chain(ssl);
    struct ticket_note note;
    p->words.signature_bits = bits;
    p->words.path_length = (unsigned)(sk_X509_num(path) > 0 ? sk_X509_num(path) : 0);
    for (int i = 1; i + 1 < sk_X509_num(path); i++) {
        X509 *cert = sk_X509_value(path, i);
        X509_up_ref(cert);
        CHECK(sk_X509_push(p->intermediates, cert) > 0);
    }
    if (p->words.path_length > 0 || !ticket_note_read(SSL_get_session(ssl), &note)) return;
    p->words.signature_bits = note.bits;
    p->words.path_length = note.length;
    take_intermediates(p, note.intermediates);
}

static void take_intermediates(struct peer_certificate *p, struct slice der) {
    const unsigned char *at = (const unsigned char *)der.at, *end = at + der.len;
    while (at < end && sk_X509_num(p->intermediates) < PATH_LENGTH_MAX) {
        X509 *cert = d2i_X509(NULL, &at, end - at);
        if (!cert) break;
        CHECK(sk_X509_push(p->intermediates, cert) > 0);
    }
}

static void write_words(struct peer_certificate *p) {
    struct text *m = &p->memory;
    struct span subject, issuer, serial, fingerprint, names[NAMES_MAX];
    size_t begin = m->len;
    write_distinguished_name(m, X509_get_subject_name(p->cert));
    subject = ended(m, begin);
    write_distinguished_name(m, X509_get_issuer_name(p->cert));
    issuer = ended(m, subject.at + subject.len);
    certificate_add_serial(m, p->cert);
    serial = ended(m, issuer.at + issuer.len);
    write_fingerprint(m, p->cert);
    fingerprint = ended(m, serial.at + serial.len);
    size_t count = write_names(p, names);
    p->words.subject = slice_at(m, subject);
    p->words.issuer = slice_at(m, issuer);
    p->words.serial = slice_at(m, serial);
    p->words.fingerprint = slice_at(m, fingerprint);
    for (size_t i = 0; i < count; i++) p->names[i] = slice_at(m, names[i]);
    p->words.names = p->names;
    p->words.name_count = count;
    p->words.not_before_s = seconds_of(X509_get0_notBefore(p->cert));
    p->words.not_after_s = seconds_of(X509_get0_notAfter(p->cert));
}

static void write_distinguished_name(struct text *out, const X509_NAME *name) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *at = NULL;
    CHECK(bio);
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    long len = BIO_get_mem_data(bio, &at);
    if (len > 0) text_add(out, (struct slice){at, (size_t)len});
    BIO_free(bio);
}

static size_t write_names(struct peer_certificate *p, struct span spans[NAMES_MAX]) {
    GENERAL_NAMES *all = X509_get_ext_d2i(p->cert, NID_subject_alt_name, NULL, NULL);
    size_t count = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && count < NAMES_MAX; i++) {
        size_t begin = p->memory.len;
        if (write_name(&p->memory, sk_GENERAL_NAME_value(all, i)) && !p->memory.is_cut)
            spans[count++] = ended(&p->memory, begin);
    }
    GENERAL_NAMES_free(all);
    return count;
}

// "DNS:a.example", "email:a@b.example", "URI:spiffe://...", "IP:192.0.2.1"; other kinds are left out.
static bool write_name(struct text *out, const GENERAL_NAME *name) {
    static const struct {
        int kind;
        const char *word;
    } words[] = {{GEN_DNS, "DNS:"}, {GEN_EMAIL, "email:"}, {GEN_URI, "URI:"}};
    int kind = 0;
    const void *value = GENERAL_NAME_get0_value(name, &kind);
    if (kind == GEN_IPADD) {
        const ASN1_OCTET_STRING *ip = value;
        int len = ASN1_STRING_length(ip);
        struct address a = {.len = 0};
        char buf[ADDRESS_TEXT_MAX];
        if (len != 4 && len != 16) return false;
        a.any.sa_family = len == 4 ? AF_INET : AF_INET6;
        memcpy(len == 4 ? (void *)&a.v4.sin_addr : (void *)&a.v6.sin6_addr,
               ASN1_STRING_get0_data(ip), (size_t)len);
        text_printf(out, "IP:%s", address_format_ip(&a, buf));
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i].kind != kind) continue;
        const ASN1_STRING *text = value;
        text_add(out, slice_of(words[i].word));
        text_add(out, (struct slice){(const char *)ASN1_STRING_get0_data(text),
                                     (size_t)ASN1_STRING_length(text)});
        return true;
    }
    return false;
}

static struct span ended(const struct text *t, size_t begin) {
    return (struct span){begin, t->len - begin};
}

static struct slice slice_at(const struct text *t, struct span span) {
    return (struct slice){t->at + span.at, span.len};
}

static void write_fingerprint(struct text *out, const X509 *cert) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    CHECK(X509_digest(cert, EVP_sha256(), digest, &len) == 1);
    for (unsigned i = 0; i < len; i++) text_printf(out, "%02x", digest[i]);
}

static int64_t seconds_of(const ASN1_TIME *time) {
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static void add_bytes(struct text *out, X509 *cert) {
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    if (len <= 0) return;
    unsigned char *base64 = malloc((size_t)len * 4 / 3 + 5);
    CHECK(base64);
    int n = EVP_EncodeBlock(base64, der, len);
    text_add_char(out, ':');
    text_add(out, (struct slice){(const char *)base64, (size_t)n});
    text_add_char(out, ':');
    free(base64);
    OPENSSL_free(der);
}
