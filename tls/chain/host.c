// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/host.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define NAME_MAX_BYTES  253
#define LABEL_MAX_BYTES 63

static size_t address_of(const char *host, unsigned char out[16]);
static bool is_match(const GENERAL_NAME *g, struct slice host, const unsigned char *ip,
                     size_t ip_len);
static bool matches_dns(struct slice pattern, struct slice host);
static bool is_label(struct slice label);
static bool is_address(struct slice name);

bool host_is_named(const X509 *leaf, const char *host) {
    unsigned char ip[16];
    size_t ip_len = address_of(host, ip);
    struct slice name = slice_of(host);
    if (name.len > 1 && name.at[name.len - 1] == '.') name.len--;
    GENERAL_NAMES *all = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool is_found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && !is_found; i++)
        is_found = is_match(sk_GENERAL_NAME_value(all, i), name, ip, ip_len);
    GENERAL_NAMES_free(all);
    ERR_clear_error();
    return is_found;
}

bool host_is_dns_name(struct slice name) {
    if (slice_starts_with(name, SLICE("*."))) return host_is_plain_name(slice_skip(name, 2));
    return host_is_plain_name(name) && !is_address(name);
}

bool host_is_plain_name(struct slice name) {
    if (name.len == 0 || name.len > NAME_MAX_BYTES) return false;
    while (name.at != NULL)
        if (!is_label(slice_cut(&name, '.'))) return false;
    return true;
}

// An IPv6 address may stand in brackets. 0: not an address.
static size_t address_of(const char *host, unsigned char out[16]) {
    char bare[INET6_ADDRSTRLEN];
    size_t len = strlen(host);
    bool is_bracketed = len > 2 && host[0] == '[' && host[len - 1] == ']';
    if (is_bracketed) len -= 2;
    if (len >= sizeof bare) return 0;
    memcpy(bare, host + (is_bracketed ? 1 : 0), len);
    bare[len] = '\0';
    if (inet_pton(AF_INET, bare, out) == 1) return 4;
    return inet_pton(AF_INET6, bare, out) == 1 ? 16 : 0;
}

static bool is_match(const GENERAL_NAME *g, struct slice host, const unsigned char *ip,
                     size_t ip_len) {
    const ASN1_STRING *value = g->d.ia5;
    if (g->type == GEN_IPADD && ip_len > 0)
        return (size_t)ASN1_STRING_length(value) == ip_len &&
               memcmp(ASN1_STRING_get0_data(value), ip, ip_len) == 0;
    if (g->type != GEN_DNS || ip_len > 0) return false;
    return matches_dns((struct slice){(const char *)ASN1_STRING_get0_data(value),
                                      (size_t)ASN1_STRING_length(value)},
                       host);
}

static bool matches_dns(struct slice pattern, struct slice host) {
    if (!slice_starts_with(pattern, SLICE("*."))) return slice_equals_nocase(pattern, host);
    struct slice suffix = slice_skip(pattern, 2), rest = host;
    struct slice label = slice_cut(&rest, '.');
    return slice_find(suffix, '.') > 0 && label.len > 0 && rest.at != NULL &&
           slice_equals_nocase(suffix, rest);
}

static bool is_label(struct slice label) {
    if (label.len == 0 || label.len > LABEL_MAX_BYTES) return false;
    if (label.at[0] == '-' || label.at[label.len - 1] == '-') return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.at[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    return true;
}

// No top-level domain consists of digits.
static bool is_address(struct slice name) {
    for (size_t i = name.len; i > 0 && name.at[i - 1] != '.'; i--)
        if (name.at[i - 1] < '0' || name.at[i - 1] > '9') return false;
    return true;
}
