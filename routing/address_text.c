// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "routing/address_text.h"

// How addresses are written in a route file.

static struct slice without_scheme(struct slice text, bool *is_tls, int *port);
static bool split_port(struct slice address, struct slice *host, int *port);
static void say_no_address(struct slice text, struct text *why);
static bool has_ipv6(void);
static bool parse_port(struct slice text, int *port);
static bool is_host_name(struct slice text);

bool listen_address_parse(struct slice text, struct address *out) {
    struct slice port_text = text;
    int port;
    if (text.len > 0 && text.at[0] == ':') port_text = slice_skip(text, 1);
    if (!parse_port(port_text, &port))
        return address_parse(text, out) &&
               (out->any.sa_family == AF_UNIX || address_port(out) != 0);
    return address_parse_ip(has_ipv6() ? SLICE("::") : SLICE("0.0.0.0"), port, out);
}

bool member_parse(struct arena *a, struct slice text, struct endpoint *out, bool *is_tls,
                  struct text *why) {
    int port = 0;
    struct slice host, address = without_scheme(text, is_tls, &port);
    if (slice_starts_with(address, SLICE("unix:")) && address_parse(address, &out->address)) {
        out->text = arena_string(a, address);
        return true;
    }
    bool port_is_good = split_port(address, &host, &port);
    bool is_bracketed = host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    struct slice ip = is_bracketed ? (struct slice){host.at + 1, host.len - 2} : host;
    bool is_v6 = slice_find(ip, ':') >= 0;
    out->port = port;
    if (port_is_good && is_v6 == is_bracketed && address_parse_ip(ip, port, &out->address)) {
        char plain[ADDRESS_TEXT_MAX];
        out->text = arena_string(a, slice_of(address_format(&out->address, plain)));
        CHECK(address_parse(slice_of(out->text), &out->address)); // IPv4 in IPv6 is IPv4 now
        return true;
    }
    if (host.len > 1 && host.at[host.len - 1] == '.') host.len--;
    if (!is_host_name(host) || !port_is_good) {
        say_no_address(text, why);
        return false;
    }
    out->host = arena_string(a, host);
    for (char *c = out->host; *c; c++) *c = (char)tolower((unsigned char)*c);
    out->text = (char *)arena_printf(a, "%s:%d", out->host, port).at;
    return true;
}

bool member_spell(struct slice text, char out[MEMBER_TEXT_MAX], struct text *why) {
    struct arena *a = arena_new(512, 8192);
    struct endpoint endpoint = {0};
    bool is_tls;
    bool is_good = text.len < MEMBER_TEXT_MAX && !memchr(text.at, 0, text.len);
    if (!is_good)
        text_printf(why, "an address has 1 to %d bytes, none of them 0", MEMBER_TEXT_MAX - 1);
    is_good = is_good && member_parse(a, text, &endpoint, &is_tls, why);
    if (is_good) snprintf(out, MEMBER_TEXT_MAX, "%s%s", is_tls ? "https://" : "", endpoint.text);
    arena_free(a);
    return is_good;
}

bool member_is_spelled(struct slice text, struct text *why) {
    char spelled[MEMBER_TEXT_MAX];
    if (!member_spell(text, spelled, why)) return false;
    if (slice_equals(text, slice_of(spelled))) return true;
    text_printf(why, "\"%.*s\" is written \"%s\"", SLICE_ARGS(text), spelled);
    return false;
}

// *port: that of the scheme, if there is one.
static struct slice without_scheme(struct slice text, bool *is_tls, int *port) {
    *is_tls = slice_starts_with(text, SLICE("https://"));
    bool has_scheme = *is_tls || slice_starts_with(text, SLICE("http://"));
    if (!has_scheme) return text;
    *port = *is_tls ? 443 : 80;
    text = slice_skip(text, *is_tls ? 8 : 7);
    if (text.len > 0 && text.at[text.len - 1] == '/') text.len--;
    return text;
}

// False: the port that is written is none, or none is and *port is 0.
static bool split_port(struct slice address, struct slice *host, int *port) {
    size_t colon = address.len;
    while (colon > 0 && address.at[colon - 1] != ':' && address.at[colon - 1] != ']') colon--;
    bool has_port = colon > 0 && address.at[colon - 1] == ':';
    *host = has_port ? (struct slice){address.at, colon - 1} : address;
    return has_port ? parse_port(slice_skip(address, colon), port) : *port != 0;
}

static void say_no_address(struct slice text, struct text *why) {
    const char *form = slice_find(text, ' ') >= 0
                           ? "\"%.*s\" has a space in it; a weight is written { \"host:port\", "
                             "weight = 2 }"
                           : "\"%.*s\" is no address: write \"host:port\", \"[v6]:port\", "
                             "\"unix:/path\" or \"https://host:port\"";
    text_printf(why, form, SLICE_ARGS(text));
}

static bool has_ipv6(void) {
    return access("/proc/net/if_inet6", R_OK) == 0;
}

static bool parse_port(struct slice text, int *port) {
    uint64_t n;
    if (text.len > 5 || !slice_to_u64(text, &n) || n == 0 || n > 65535) return false;
    *port = (int)n;
    return true;
}

// Letters, digits, '-', '_' and '.', not only digits and dots (a mistyped address is no name).
static bool is_host_name(struct slice text) {
    bool has_letter = false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (!isalnum(c) && c != '-' && c != '_' && c != '.') return false;
        has_letter |= isalpha(c) != 0;
    }
    return has_letter && text.len <= 253 && text.at[0] != '.' && text.at[0] != '-';
}
