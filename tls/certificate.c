// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/certificate.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "core/check.h"
#include "core/hostname.h"

// As OpenSSL's security level 2, which profile_new() sets: RSA of 2048 bits, curves of 224.
#define SECURITY_BITS_MIN 112
#define NAME_FLAGS        (XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB)

static void add_bio(struct text *out, BIO *bio);
static void add_name(struct text *out, const X509_NAME *name);
static struct slice common_name(const X509 *cert);
static struct slice string_slice(const ASN1_STRING *s);
static size_t normalise(struct slice name, char out[HOSTNAME_MAX + 1]);
static void add_quoted(struct text *out, struct slice name);
static void add_ip(struct text *out, const ASN1_OCTET_STRING *ip);

enum key_kind certificate_key_kind(const X509 *cert) {
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    if (!key) return KEY_OTHER;
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) return KEY_RSA;
    if (EVP_PKEY_is_a(key, "EC")) return KEY_ECDSA;
    if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448")) return KEY_EDDSA;
    return KEY_OTHER;
}

bool certificate_is_self_issued(const X509 *cert) {
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

bool certificate_is_expired(const X509 *cert) {
    return X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0;
}

bool certificate_is_too_new(const X509 *cert) {
    return X509_cmp_current_time(X509_get0_notBefore(cert)) > 0;
}

static void add_first_name(void *arg, struct slice name) {
    struct text *out = arg;
    if (out->len == 0) text_add(out, name);
}

void certificate_add_title(struct text *out, const X509 *cert) {
    struct text title;
    text_init(&title, 200);
    text_add(&title, common_name(cert));
    if (title.len == 0) certificate_each_name(cert, add_first_name, &title);
    if (title.len == 0) certificate_add_subject(&title, cert);
    add_quoted(out, text_slice(&title));
    text_fini(&title);
    text_add(out, SLICE(" (serial "));
    certificate_add_serial(out, cert);
    text_add_char(out, ')');
}

void certificate_add_subject(struct text *out, const X509 *cert) {
    add_name(out, X509_get_subject_name(cert));
}

void certificate_add_issuer(struct text *out, const X509 *cert) {
    add_name(out, X509_get_issuer_name(cert));
}

void certificate_add_serial(struct text *out, const X509 *cert) {
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = n ? BN_bn2hex(n) : NULL;
    text_add(out, hex ? slice_of(hex) : SLICE("unreadable"));
    OPENSSL_free(hex);
    BN_free(n);
    ERR_clear_error();
}

void certificate_add_time(struct text *out, const ASN1_TIME *time) {
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1) {
        ERR_clear_error();
        text_add(out, SLICE("an unreadable date"));
        return;
    }
    text_printf(out, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                tm.tm_hour, tm.tm_min);
}

void certificate_add_key(struct text *out, const X509 *cert) {
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    char curve[64];
    size_t len = 0;
    if (!key) {
        ERR_clear_error();
        text_add(out, SLICE("unknown"));
    } else if (EVP_PKEY_get_group_name(key, curve, sizeof curve, &len) == 1 && len > 0) {
        const char *nist = EC_curve_nid2nist(OBJ_sn2nid(curve));
        text_printf(out, "%s %s", EVP_PKEY_get0_type_name(key), nist ? nist : curve);
    } else {
        text_printf(out, "%s %d", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key));
    }
}

void certificate_add_signature(struct text *out, const X509 *cert) {
    int digest = NID_undef, nid = X509_get_signature_nid(cert);
    if (nid == NID_rsassaPss) X509_get_signature_info((X509 *)cert, &digest, NULL, NULL, NULL);
    text_add(out, slice_of(OBJ_nid2ln(nid)));
    if (digest != NID_undef) text_printf(out, " (%s)", OBJ_nid2ln(digest));
    ERR_clear_error();
}

bool certificate_is_weak(const X509 *cert, struct text *why) {
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    int digest = NID_undef, bits = 0;
    bool is_known = X509_get_signature_info((X509 *)cert, &digest, NULL, &bits, NULL) == 1;
    bool is_anchor = X509_get_extension_flags((X509 *)cert) & EXFLAG_SS;
    ERR_clear_error();
    size_t before = why->len;
    if (!key) {
        text_add(why, SLICE("its key is of an unknown kind"));
    } else if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS_MIN) {
        text_add(why, SLICE("its key is "));
        certificate_add_key(why, cert);
        text_printf(why, ", of less than %d bits of security", SECURITY_BITS_MIN);
    } else if (!is_anchor && (!is_known || bits < SECURITY_BITS_MIN)) {
        const char *name = digest != NID_undef ? OBJ_nid2sn(digest) : "an unknown algorithm";
        text_printf(why, "its signature uses %s", digest == NID_sha1 ? "SHA-1" : name);
    }
    return why->len > before;
}

size_t certificate_each_name(const X509 *cert, certificate_name_fn *found, void *arg) {
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char host[HOSTNAME_MAX + 1];
    size_t count = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        size_t len = g->type == GEN_DNS ? normalise(string_slice(g->d.dNSName), host) : 0;
        if (len == 0) continue;
        found(arg, (struct slice){host, len});
        count++;
    }
    if (!all) {
        size_t len = normalise(common_name(cert), host);
        if (len > 0) found(arg, (struct slice){host, len});
        count = len > 0;
    }
    GENERAL_NAMES_free(all);
    ERR_clear_error();
    return count;
}

void certificate_add_names(struct text *out, const X509 *cert) {
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t before = out->len;
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (g->type != GEN_DNS && g->type != GEN_IPADD) continue;
        if (out->len > before) text_add(out, SLICE(", "));
        if (g->type == GEN_DNS)
            add_quoted(out, string_slice(g->d.dNSName));
        else
            add_ip(out, g->d.iPAddress);
    }
    if (out->len == before) text_add(out, SLICE("no name"));
    GENERAL_NAMES_free(all);
    ERR_clear_error();
}

void certificate_add_mismatch(struct text *out, const X509 *cert, const char *host) {
    certificate_add_title(out, cert);
    text_printf(out, ": it is not for \"%s\" but for ", host);
    certificate_add_names(out, cert);
}

static void add_bio(struct text *out, BIO *bio) {
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    text_add(out, (struct slice){at, len > 0 ? (size_t)len : 0});
    BIO_free(bio);
}

static void add_name(struct text *out, const X509_NAME *name) {
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(bio);
    X509_NAME_print_ex(bio, name, 0, NAME_FLAGS);
    add_bio(out, bio);
}

static struct slice common_name(const X509 *cert) {
    const X509_NAME *name = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0) return (struct slice){NULL, 0};
    return string_slice(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

static struct slice string_slice(const ASN1_STRING *s) {
    return (struct slice){(const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)};
}

// As hostname_normalise(), with a leading "*." kept.
static size_t normalise(struct slice name, char out[HOSTNAME_MAX + 1]) {
    if (!slice_starts_with(name, SLICE("*."))) return hostname_normalise(name, out);
    char rest[HOSTNAME_MAX + 1];
    size_t len = hostname_normalise(slice_skip(name, 2), rest);
    if (len == 0 || len + 2 > HOSTNAME_MAX) return 0;
    memcpy(out, "*.", 2);
    memcpy(out + 2, rest, len + 1);
    return len + 2;
}

// What stands in a certificate comes from outside: nothing but printable ASCII and UTF-8 reaches a terminal.
static void add_quoted(struct text *out, struct slice name) {
    text_add_char(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        text_add_char(out, c < ' ' || c == 0x7f || c == '"' ? '?' : (char)c);
    }
    text_add_char(out, '"');
}

static void add_ip(struct text *out, const ASN1_OCTET_STRING *ip) {
    char words[INET6_ADDRSTRLEN];
    int family = ASN1_STRING_length(ip) == 4 ? AF_INET : AF_INET6;
    bool is_whole = ASN1_STRING_length(ip) == 4 || ASN1_STRING_length(ip) == 16;
    if (!is_whole || !inet_ntop(family, ASN1_STRING_get0_data(ip), words, sizeof words)) return;
    add_quoted(out, slice_of(words));
}
