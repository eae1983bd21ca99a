// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/encoding.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#define EXTENSIONS_MAX 1000

static bool is_whole(X509 *cert, const struct chain_question *q);
static bool has_known_version(X509 *cert, const struct chain_question *q);
static bool may_have_extensions(X509 *cert, const struct chain_question *q);
static bool has_few_extensions(X509 *cert, const struct chain_question *q);
static bool has_each_extension_once(X509 *cert, const struct chain_question *q);
static bool has_nothing_behind_values(X509 *cert, const struct chain_question *q);
static bool omits_default(X509 *cert, const struct chain_question *q);
static bool has_length_as_ca_only(X509 *cert, const struct chain_question *q);
static bool agrees_on_its_algorithm(X509 *cert, const struct chain_question *q);
static bool has_no_parameters(X509 *cert, const struct chain_question *q);

static const struct rule rules[] = {
    {PLACE_ANY, has_known_version, "its version is none that X.509 has"},
    {PLACE_ANY, may_have_extensions, "it has extensions, which only version 3 has"},
    {PLACE_ANY, is_whole, "an extension of it is malformed"},
    {PLACE_ANY, has_few_extensions, "it has more than 1000 extensions"},
    {PLACE_ANY, has_each_extension_once, "it has the same extension twice"},
    {PLACE_ANY, has_nothing_behind_values, "it has bytes behind the value of an extension"},
    {PLACE_ANY, omits_default, "it has an extension with \"critical\" spelled out as false"},
    {PLACE_ANY, has_length_as_ca_only, "it has a path length (pathLen) without being a CA"},
    {PLACE_ANY, agrees_on_its_algorithm, "it names two different signature algorithms"},
    {PLACE_LEAF | PLACE_INTERMEDIATE, has_no_parameters,
     "its signature's algorithm has parameters, which ECDSA has not"},
};

const char *encoding_judge(X509 *cert, enum place place, const struct chain_question *q) {
    const char *why = rules_apply(rules, sizeof rules / sizeof *rules, cert, place, q);
    ERR_clear_error();
    return why;
}

static bool has_known_version(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_get_version(cert) >= X509_VERSION_1 && X509_get_version(cert) <= X509_VERSION_3;
}

// RFC 5280 section 4.1.2.9.
static bool may_have_extensions(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_get_version(cert) == X509_VERSION_3 || X509_get_ext_count(cert) == 0;
}

static bool is_whole(X509 *cert, const struct chain_question *q) {
    (void)q;
    return !(X509_get_extension_flags(cert) & EXFLAG_INVALID);
}

// Each is compared with each.
static bool has_few_extensions(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_get_ext_count(cert) <= EXTENSIONS_MAX;
}

static bool has_each_extension_once(X509 *cert, const struct chain_question *q) {
    (void)q;
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        const ASN1_OBJECT *kind = X509_EXTENSION_get_object(X509_get_ext(cert, i));
        if (X509_get_ext_by_OBJ(cert, kind, i) >= 0) return false;
    }
    return true;
}

// Of the kinds that OpenSSL reads. Others are skipped, and some makers put plain text into theirs.
static bool has_nothing_behind_values(X509 *cert, const struct chain_question *q) {
    (void)q;
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *one = X509_get_ext(cert, i);
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(one);
        const unsigned char *begin = ASN1_STRING_get0_data(value), *at = begin;
        long len = ASN1_STRING_length(value), content_len = 0;
        int tag, class;
        if (!X509V3_EXT_get(one)) continue;
        int form = ASN1_get_object(&at, &content_len, &tag, &class, len);
        if (form & 0x81 || at - begin + content_len != len) return false;
    }
    return true;
}

// X.690 section 11.5: a value that is the default one is not written. OpenSSL keeps, and writes
// again, what was there.
static bool omits_default(X509 *cert, const struct chain_question *q) {
    (void)q;
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *one = X509_get_ext(cert, i);
        int len = i2d_X509_EXTENSION(one, NULL);
        X509_EXTENSION *plain = X509_EXTENSION_dup(one);
        bool is_critical = X509_EXTENSION_get_critical(one);
        bool is_same = plain && X509_EXTENSION_set_critical(plain, is_critical) == 1 &&
                       i2d_X509_EXTENSION(plain, NULL) == len;
        X509_EXTENSION_free(plain);
        if (!is_same) return false;
    }
    return true;
}

// RFC 5280 section 4.2.1.9.
static bool has_length_as_ca_only(X509 *cert, const struct chain_question *q) {
    (void)q;
    return X509_get_pathlen(cert) < 0 || X509_get_extension_flags(cert) & EXFLAG_CA;
}

static bool agrees_on_its_algorithm(X509 *cert, const struct chain_question *q) {
    const X509_ALGOR *outer = NULL;
    (void)q;
    X509_get0_signature(NULL, &outer, cert);
    return X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(cert)) == 0;
}

// RFC 5758 section 3.2. Nobody relies on an anchor's signature.
static bool has_no_parameters(X509 *cert, const struct chain_question *q) {
    int key = NID_undef, parameters = V_ASN1_UNDEF;
    (void)q;
    if (OBJ_find_sigid_algs(X509_get_signature_nid(cert), NULL, &key) != 1) return true;
    X509_ALGOR_get0(NULL, &parameters, NULL, X509_get0_tbs_sigalg(cert));
    return key != NID_X9_62_id_ecPublicKey || parameters == V_ASN1_UNDEF;
}
