// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/hostname.h"

#include <arpa/inet.h>
#include <idn2.h>

// Longer than any spelling of a name in UTF-8; what is longer is refused before anything is decoded.
enum { SPELLING_MAX = 2048, LABEL_MAX = 63 };

static size_t copy_plain(struct slice name, char *out);
static size_t refuse(char *out);
static bool last_label_is_numeric(const char *label);
static bool decode_percent(struct slice name, char *decoded, struct slice *host);
static bool cut_port(struct slice *host);
static size_t normalise_v6(struct slice host, char *out);
static bool is_ascii(struct slice s);
static size_t convert_idna(struct slice host, char *out);

// Bytes that a name may have, and what they become: letters, digits, hyphen, dot, and the underscore, which
// is no host name's but some DNS names in use have it.
// clang-format off
static const char plain[256] = {
    ['-'] = '-', ['.'] = '.', ['_'] = '_',
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',
    ['5'] = '5', ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9',
    ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g',
    ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n',
    ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u',
    ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
    ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g',
    ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n',
    ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',
    ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z',
};
// clang-format on

size_t hostname_normalise(struct slice name, char out[HOSTNAME_MAX + 1]) {
    size_t len = copy_plain(name, out);
    if (len > 0) return len;
    char decoded[SPELLING_MAX];
    struct slice host;
    if (!decode_percent(name, decoded, &host)) return refuse(out);
    if (host.len > 0 && host.at[0] == '[') return normalise_v6(host, out);
    if (!cut_port(&host)) return refuse(out);
    return is_ascii(host) ? copy_plain(host, out) : convert_idna(host, out);
}

// The whole of it for nearly every name: plain ASCII in lower case, without a final dot. What it returns is a name
// that it leaves as it is.
static size_t copy_plain(struct slice name, char *out) {
    if (name.len > 0 && name.at[name.len - 1] == '.') name.len--;
    if (name.len == 0 || name.len > HOSTNAME_MAX) return refuse(out);
    char *label = out;
    char *end = out;
    for (size_t i = 0; i < name.len; i++, end++) {
        *end = plain[(unsigned char)name.at[i]];
        if (*end == '\0') return refuse(out);
        if (*end != '.') continue;
        if (end == label || end - label > LABEL_MAX) return refuse(out);
        label = end + 1;
    }
    if (end == label || end - label > LABEL_MAX) return refuse(out);
    *end = '\0';
    struct in_addr ip;
    if (last_label_is_numeric(label) && inet_pton(AF_INET, out, &ip) != 1) return refuse(out);
    return name.len;
}

static size_t refuse(char *out) {
    out[0] = '\0';
    return 0;
}

// Such a name is read as an IPv4 address by browsers, in any of the spellings of inet_aton(): 127.1, 0x7f000001.
// Only the one with four decimal numbers is taken.
static bool last_label_is_numeric(const char *label) {
    if (label[0] < '0' || label[0] > '9') return false;
    const char *digits = "0123456789";
    if (label[0] == '0' && label[1] == 'x') {
        digits = "0123456789abcdef";
        label += 2;
    }
    return label[strspn(label, digits)] == '\0';
}

static bool decode_percent(struct slice name, char *decoded, struct slice *host) {
    if (name.len > SPELLING_MAX) return false;
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (c == '%') {
            int byte = slice_hex_byte(slice_skip(name, i + 1));
            if (byte < 0) return false;
            c = (char)byte;
            i += 2;
        }
        if (c == '\0' || c == '%') return false; // '%': encoded twice
        decoded[len++] = c;
    }
    *host = (struct slice){decoded, len};
    return true;
}

// Cuts ":443", or ":" alone (RFC 3986 section 3.2.3), off the end.
static bool cut_port(struct slice *host) {
    struct slice port = *host;
    *host = slice_cut(&port, ':');
    uint64_t n;
    if (!port.at || port.len == 0) return true;
    return port.len <= 5 && slice_to_u64(port, &n) && n <= 65535;
}

// Zones (RFC 6874) mean nothing to others than the host they were written on: inet_pton() refuses them.
static size_t normalise_v6(struct slice host, char *out) {
    struct slice port = host;
    struct slice inner = slice_skip(slice_cut(&port, ']'), 1);
    if (!port.at || (port.len > 0 && port.at[0] != ':') || !cut_port(&port)) return refuse(out);
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ip;
    if (inner.len >= sizeof text) return refuse(out);
    memcpy(text, inner.at, inner.len);
    text[inner.len] = '\0';
    if (inet_pton(AF_INET6, text, &ip) != 1) return refuse(out);
    out[0] = '[';
    inet_ntop(AF_INET6, &ip, out + 1, INET6_ADDRSTRLEN);
    size_t len = strlen(out);
    memcpy(out + len, "]", 2);
    return len + 1;
}

static bool is_ascii(struct slice s) {
    unsigned char all = 0;
    for (size_t i = 0; i < s.len; i++) all |= (unsigned char)s.at[i];
    return all < 0x80;
}

// IDNA 2008 with the mapping of UTS #46, as browsers do it. It maps some characters to ASCII ones (full-width dots,
// digits, slashes), so the result has to pass like any other name.
static size_t convert_idna(struct slice host, char *out) {
    char spelling[SPELLING_MAX + 1];
    memcpy(spelling, host.at, host.len);
    spelling[host.len] = '\0';
    uint8_t *converted = NULL;
    int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    if (idn2_lookup_u8((const uint8_t *)spelling, &converted, flags) != IDN2_OK) return refuse(out);
    size_t len = copy_plain(slice_of((const char *)converted), out);
    idn2_free(converted);
    return len;
}
