// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/deltas.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

enum { IS_REVOKED = 1 }; // of X509_CRL_get0_by_cert(); 2: is given back

static bool is_revoked(const STACK_OF(X509_CRL) * lists, X509 *cert, X509 *issuer);
static X509_CRL *newest_delta(const STACK_OF(X509_CRL) * lists, X509 *cert, X509 *issuer,
                              bool *is_revoked);
static bool is_newer(X509_CRL *list, X509_CRL *newest, bool is_revoking);
static bool is_superseded(const STACK_OF(X509_CRL) * lists, X509_CRL *delta, X509 *issuer);
static bool has(const X509_CRL *list, int extension);
static bool is_signed(X509_CRL *list, X509 *issuer);
static int compare_numbers(const X509_CRL *a, const X509_CRL *b);

X509 *deltas_find_revoked(const STACK_OF(X509_CRL) * lists, const STACK_OF(X509) * chain) {
    X509 *found = NULL;
    for (int i = 0; i + 1 < sk_X509_num(chain) && !found; i++)
        if (is_revoked(lists, sk_X509_value(chain, i), sk_X509_value(chain, i + 1)))
            found = sk_X509_value(chain, i);
    ERR_clear_error();
    return found;
}

static bool is_revoked(const STACK_OF(X509_CRL) * lists, X509 *cert, X509 *issuer) {
    bool is_revoked = false;
    X509_CRL *delta = newest_delta(lists, cert, issuer, &is_revoked);
    return delta && is_revoked && !is_superseded(lists, delta, issuer);
}

// Of those that know the certificate. The signature is dear, so it is looked at last.
static X509_CRL *newest_delta(const STACK_OF(X509_CRL) * lists, X509 *cert, X509 *issuer,
                              bool *is_revoked) {
    X509_CRL *newest = NULL;
    for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
        X509_REVOKED *entry = NULL;
        X509_CRL *list = sk_X509_CRL_value(lists, i);
        int found = has(list, NID_delta_crl) ? X509_CRL_get0_by_cert(list, &entry, cert) : 0;
        bool is_new = found != 0 && (!newest || is_newer(list, newest, found == IS_REVOKED));
        if (!is_new || !is_signed(list, issuer)) continue;
        newest = list;
        *is_revoked = found == IS_REVOKED;
    }
    return newest;
}

static bool is_newer(X509_CRL *list, X509_CRL *newest, bool is_revoking) {
    int order = compare_numbers(list, newest);
    return order > 0 || (order == 0 && is_revoking);
}

// A complete list of the same or a later number knows all that the delta did.
static bool is_superseded(const STACK_OF(X509_CRL) * lists, X509_CRL *delta, X509 *issuer) {
    for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
        X509_CRL *list = sk_X509_CRL_value(lists, i);
        bool is_complete = !has(list, NID_delta_crl) && !has(list, NID_issuing_distribution_point);
        if (is_complete && is_signed(list, issuer) && compare_numbers(list, delta) >= 0)
            return true;
    }
    return false;
}

static bool has(const X509_CRL *list, int extension) {
    return X509_CRL_get_ext_by_NID(list, extension, -1) >= 0;
}

static bool is_signed(X509_CRL *list, X509 *issuer) {
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return key && X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) == 0 &&
           X509_CRL_verify(list, key) == 1;
}

// A list without a number is older than all that have one.
static int compare_numbers(const X509_CRL *a, const X509_CRL *b) {
    ASN1_INTEGER *of_a = X509_CRL_get_ext_d2i(a, NID_crl_number, NULL, NULL);
    ASN1_INTEGER *of_b = X509_CRL_get_ext_d2i(b, NID_crl_number, NULL, NULL);
    int order = of_a && of_b ? ASN1_INTEGER_cmp(of_a, of_b) : (of_a != NULL) - (of_b != NULL);
    ASN1_INTEGER_free(of_a);
    ASN1_INTEGER_free(of_b);
    return order;
}
