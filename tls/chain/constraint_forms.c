// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/constraint_forms.h"

#include <openssl/x509.h>
#include <string.h>

#include "core/slice.h"
#include "tls/chain/host.h"

static bool is_whole(const GENERAL_NAME *name);
static struct slice bytes_of(const GENERAL_NAME *g);
static bool is_domain(struct slice domain);
static bool is_mailbox(struct slice mail);
static bool is_range(struct slice range);
static bool is_below(struct slice base, struct slice name);
static bool is_at(struct slice base, struct slice host);
static bool holds_mail(struct slice base, struct slice mail);
static bool holds_address(struct slice range, struct slice address);
static bool holds_directory(const X509_NAME *base, const X509_NAME *name);
static struct slice host_of_uri(struct slice uri);
static bool is_scheme(struct slice scheme);

bool constraint_is_good(const GENERAL_NAME *base, bool is_web) {
    if (base->type == GEN_DIRNAME) return true;
    if (base->type != GEN_DNS && base->type != GEN_EMAIL && base->type != GEN_URI &&
        base->type != GEN_IPADD)
        return true;
    struct slice s = bytes_of(base);
    if (base->type == GEN_IPADD) return is_range(s);
    if (base->type == GEN_EMAIL) return slice_find(s, '@') >= 0 ? is_mailbox(s) : is_domain(s);
    if (base->type == GEN_URI) return is_domain(s);
    if (is_web && slice_starts_with(s, SLICE("."))) return false;
    return s.len == 0 || is_domain(s);
}

const char *constraint_find_fault(const GENERAL_NAME *name) {
    bool is_known = name->type == GEN_DIRNAME || name->type == GEN_DNS || name->type == GEN_EMAIL ||
                    name->type == GEN_URI || name->type == GEN_IPADD;
    if (!is_known) return "a name of it is constrained, in a form that is not known here";
    return is_whole(name) ? NULL : "a name of it is constrained, but malformed";
}

static bool is_whole(const GENERAL_NAME *name) {
    switch (name->type) {
    case GEN_DIRNAME: return true;
    case GEN_DNS: {
        struct slice s = bytes_of(name);
        return host_is_plain_name(slice_starts_with(s, SLICE("*.")) ? slice_skip(s, 2) : s);
    }
    case GEN_EMAIL: return is_mailbox(bytes_of(name));
    case GEN_URI: return host_is_dns_name(host_of_uri(bytes_of(name)));
    case GEN_IPADD: return bytes_of(name).len == 4 || bytes_of(name).len == 16;
    default: return false;
    }
}

bool constraint_holds(const GENERAL_NAME *base, const GENERAL_NAME *name) {
    switch (name->type) {
    case GEN_DIRNAME: return holds_directory(base->d.directoryName, name->d.directoryName);
    case GEN_DNS: return is_below(bytes_of(base), bytes_of(name));
    case GEN_EMAIL: return holds_mail(bytes_of(base), bytes_of(name));
    case GEN_URI: return is_at(bytes_of(base), host_of_uri(bytes_of(name)));
    case GEN_IPADD: return holds_address(bytes_of(base), bytes_of(name));
    default: return false;
    }
}

// "*.example.com" touches "bar.example.com", which it does not lie in.
bool constraint_touches(const GENERAL_NAME *base, const GENERAL_NAME *name) {
    if (constraint_holds(base, name)) return true;
    if (name->type != GEN_DNS || !slice_starts_with(bytes_of(name), SLICE("*."))) return false;
    struct slice below = bytes_of(base);
    slice_cut(&below, '.');
    return below.at != NULL && slice_equals_nocase(below, slice_skip(bytes_of(name), 2));
}

static struct slice bytes_of(const GENERAL_NAME *g) {
    const ASN1_STRING *s = g->d.ia5;
    return (struct slice){(const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)};
}

// With or without a leading period.
static bool is_domain(struct slice domain) {
    if (slice_starts_with(domain, SLICE("."))) domain = slice_skip(domain, 1);
    return host_is_plain_name(domain);
}

static bool is_mailbox(struct slice mail) {
    struct slice host = mail;
    struct slice local = slice_cut(&host, '@');
    return local.len > 0 && host.at != NULL && host_is_plain_name(host);
}

// Address and mask of the same length; the mask is a run of ones.
static bool is_range(struct slice range) {
    if (range.len != 8 && range.len != 32) return false;
    bool has_ended = false;
    for (size_t i = range.len / 2; i < range.len; i++)
        for (int bit = 7; bit >= 0; bit--) {
            bool is_set = (unsigned char)range.at[i] >> bit & 1;
            if (is_set && has_ended) return false;
            has_ended = has_ended || !is_set;
        }
    return true;
}

static bool ends_with(struct slice name, struct slice end) {
    return name.len >= end.len && slice_equals_nocase(slice_skip(name, name.len - end.len), end);
}

// DNS: the name itself and everything below; with a leading period only what is below.
static bool is_below(struct slice base, struct slice name) {
    if (base.len == 0) return true;
    if (!ends_with(name, base)) return false;
    bool has_period = base.at[0] == '.';
    if (name.len == base.len) return !has_period;
    return has_period || name.at[name.len - base.len - 1] == '.';
}

// E-mail and URI: this host; with a leading period every host below.
static bool is_at(struct slice base, struct slice host) {
    if (!slice_starts_with(base, SLICE("."))) return slice_equals_nocase(base, host);
    return host.len > base.len && ends_with(host, base);
}

// The part before the @ is compared byte by byte (RFC 5280 section 7.5).
static bool holds_mail(struct slice base, struct slice mail) {
    struct slice host = mail, base_host = base;
    struct slice local = slice_cut(&host, '@');
    if (slice_find(base, '@') < 0) return is_at(base, host);
    struct slice base_local = slice_cut(&base_host, '@');
    return slice_equals(base_local, local) && slice_equals_nocase(base_host, host);
}

static bool holds_address(struct slice range, struct slice address) {
    if (range.len != address.len * 2) return false;
    for (size_t i = 0; i < address.len; i++) {
        int mask = range.at[address.len + i];
        if ((range.at[i] & mask) != (address.at[i] & mask)) return false;
    }
    return true;
}

// Is `base` a beginning of `name`, whole RDNs compared (RFC 5280 section 7.1)?
static bool holds_directory(const X509_NAME *base, const X509_NAME *name) {
    int wanted = X509_NAME_entry_count(base);
    if (wanted == 0) return true;
    int last = X509_NAME_entry_count(name);
    if (last < wanted) return false;
    if (last > wanted && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, wanted)) ==
                             X509_NAME_ENTRY_set(X509_NAME_get_entry(name, wanted - 1)))
        return false;
    X509_NAME *beginning = X509_NAME_dup(name);
    if (!beginning) return false;
    while (X509_NAME_entry_count(beginning) > wanted)
        X509_NAME_ENTRY_free(
            X509_NAME_delete_entry(beginning, X509_NAME_entry_count(beginning) - 1));
    bool is_same = X509_NAME_cmp(beginning, base) == 0;
    X509_NAME_free(beginning);
    return is_same;
}

// "https://user@host:1/path" (RFC 3986 section 3): the host; empty where there is none.
static struct slice host_of_uri(struct slice uri) {
    struct slice rest = uri;
    struct slice scheme = slice_cut(&rest, ':');
    if (!is_scheme(scheme) || !slice_starts_with(rest, SLICE("//"))) return (struct slice){NULL, 0};
    rest = slice_skip(rest, 2);
    size_t len = 0;
    while (len < rest.len && !memchr("/?#", rest.at[len], 3)) len++;
    rest.len = len;
    ptrdiff_t at = slice_find(rest, '@');
    if (at >= 0) rest = slice_skip(rest, (size_t)at + 1);
    struct slice host = slice_cut(&rest, ':');
    return host;
}

static bool is_scheme(struct slice scheme) {
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.at[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!is_letter && (i == 0 || !is_other)) return false;
    }
    return scheme.len > 0;
}
