// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Reading. Nothing is kept between calls: a header is short, so each call looks at all that has come.

#include "http/message/proxy_header.h"

#include <ctype.h>
#include <stdint.h>

static enum proxy_event read_v1(struct slice in, size_t *used, struct address *client,
                                bool *is_local);
static enum proxy_event read_v2(struct slice in, size_t *used, struct address *client,
                                bool *is_local);

enum proxy_event proxy_header_parse(struct slice in, size_t *used, struct address *client,
                                    bool *is_local) {
    if (in.len == 0) return PROXY_MORE;
    return (in.at[0] == 'P' ? read_v1 : read_v2)(in, used, client, is_local);
}

// Takes the literal off *rest. PROXY_MORE: all that has come agrees with it.
static enum proxy_event take(struct slice *rest, struct slice literal) {
    size_t n = rest->len < literal.len ? rest->len : literal.len;
    if (n > 0 && memcmp(rest->at, literal.at, n) != 0) return PROXY_REFUSED;
    if (n < literal.len) return PROXY_MORE;
    *rest = slice_skip(*rest, n);
    return PROXY_DONE;
}

// --- version 1: "PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n" ---

// Can this be the beginning of such a word, or (is_whole) such a word?
typedef bool fits_fn(struct slice word, bool is_whole);

static enum proxy_event take_tcp(struct slice *rest, struct address *client);
static enum proxy_event take_word(struct slice *rest, fits_fn *fits, char end, struct slice *word);
static fits_fn v4_fits, v6_fits, port_fits;
static enum proxy_event take_unknown(struct slice *rest);

enum { V1_MAX = 107 };

static enum proxy_event read_v1(struct slice in, size_t *used, struct address *client,
                                bool *is_local) {
    struct slice rest = {in.at, in.len < V1_MAX ? in.len : V1_MAX};
    enum proxy_event event = take(&rest, SLICE("PROXY "));
    if (event == PROXY_DONE) {
        *is_local = rest.len > 0 && rest.at[0] == 'U';
        event = *is_local ? take_unknown(&rest) : take_tcp(&rest, client);
    }
    if (event == PROXY_MORE && in.len >= V1_MAX - 1 && in.at[V1_MAX - 2] != '\r')
        return PROXY_REFUSED;
    *used = (size_t)(rest.at - in.at);
    return event;
}

static enum proxy_event take_tcp(struct slice *rest, struct address *client) {
    enum { SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, WORDS };
    static fits_fn *const v4_words[WORDS] = {v4_fits, v4_fits, port_fits, port_fits};
    static fits_fn *const v6_words[WORDS] = {v6_fits, v6_fits, port_fits, port_fits};
    struct slice word[WORDS];
    enum proxy_event event = take(rest, SLICE("TCP"));
    if (event != PROXY_DONE) return event;
    bool is_v6 = rest->len > 0 && rest->at[0] == '6';
    event = take(rest, is_v6 ? SLICE("6 ") : SLICE("4 "));
    for (int i = 0; i < WORDS && event == PROXY_DONE; i++)
        event = take_word(rest, is_v6 ? v6_words[i] : v4_words[i],
                          i == DESTINATION_PORT ? '\r' : ' ', &word[i]);
    if (event == PROXY_DONE) event = take(rest, SLICE("\n"));
    uint64_t port;
    if (event != PROXY_DONE) return event;
    bool good =
        slice_to_u64(word[SOURCE_PORT], &port) && address_parse_ip(word[SOURCE], (int)port, client);
    return good ? PROXY_DONE : PROXY_REFUSED;
}

static enum proxy_event take_word(struct slice *rest, fits_fn *fits, char end, struct slice *word) {
    ptrdiff_t len = slice_find(*rest, end);
    *word = len < 0 ? *rest : (struct slice){rest->at, (size_t)len};
    if (!fits(*word, len >= 0)) return PROXY_REFUSED;
    if (len < 0) return PROXY_MORE;
    *rest = slice_skip(*rest, word->len + 1);
    return PROXY_DONE;
}

// Four numbers up to 255 without leading zeros.
static bool v4_fits(struct slice word, bool is_whole) {
    unsigned number = 0, digits = 0, dots = 0;
    for (size_t i = 0; i < word.len; i++) {
        unsigned digit = (unsigned)(unsigned char)word.at[i] - '0';
        if (word.at[i] == '.') {
            if (digits == 0 || ++dots > 3) return false;
            number = digits = 0;
            continue;
        }
        if (digit > 9 || (digits > 0 && number == 0)) return false;
        number = number * 10 + digit;
        if (number > 255) return false;
        digits++;
    }
    return !is_whole || (dots == 3 && digits > 0);
}

// Eight groups, or fewer and one "::" (RFC 4291 section 2.2). The form with an IPv4 address at its end is not in the
// specification, but inet_ntop() writes it, and so do front proxies.
static bool v6_fits(struct slice word, bool is_whole) {
    struct address whole;
    if (is_whole) return slice_find(word, ':') >= 0 && address_parse_ip(word, 0, &whole);
    unsigned groups = 0, digits = 0; // groups that a colon has ended; digits of the one after them
    bool has_gap = false;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.at[i];
        if (c == '.') {
            bool is_room = has_gap ? groups <= 5 : groups == 6;
            return is_room && digits > 0 && v4_fits(slice_skip(word, i - digits), false);
        }
        unsigned max = has_gap ? 7 : 8;
        if (c == ':' && digits == 0 && i > 0) {
            if (has_gap || word.at[i - 1] != ':') return false;
            has_gap = true;
        } else if (c == ':') {
            groups += digits > 0;
            digits = 0;
            if (groups == max) return false;
        } else if (!isxdigit((unsigned char)c) || groups == max || ++digits > 4 ||
                   (i == 1 && word.at[0] == ':')) {
            return false;
        }
    }
    return true;
}

static bool port_fits(struct slice word, bool is_whole) {
    uint64_t port;
    if (word.len == 0) return !is_whole;
    if (word.at[0] == '0' && word.len > 1) return false;
    return slice_to_u64(word, &port) && port <= 65535;
}

// What stands between the word and the line end means nothing (section 2.1).
static enum proxy_event take_unknown(struct slice *rest) {
    enum proxy_event event = take(rest, SLICE("UNKNOWN"));
    if (event != PROXY_DONE) return event;
    if (rest->len > 0 && rest->at[0] != ' ') return take(rest, SLICE("\r\n"));
    while (rest->len > 0 && rest->at[0] != '\r') {
        if (rest->at[0] == '\n') return PROXY_REFUSED;
        *rest = slice_skip(*rest, 1);
    }
    return take(rest, SLICE("\r\n"));
}

// --- version 2: signature, version and command, family and transport, length of the rest; addresses; extensions ---

enum { V2_COMMAND = 12, V2_FAMILY = 13, V2_LEN = 14, V2_ADDRESSES = 16 };
enum { V2_REST_MAX = PROXY_HEADER_READ_MAX - V2_ADDRESSES };

static const unsigned char *bytes_of(struct slice s);
static size_t v2_addresses_len(const unsigned char *header);
static void set_client(const unsigned char *header, struct address *client);
static enum proxy_event check_extensions(struct slice in, size_t at, size_t end);

static enum proxy_event read_v2(struct slice in, size_t *used, struct address *client,
                                bool *is_local) {
    struct slice rest = in;
    enum proxy_event event = take(&rest, SLICE("\r\n\r\n\0\r\nQUIT\n"));
    if (event != PROXY_DONE) return event;
    const unsigned char *b = bytes_of(in);
    if (in.len > V2_COMMAND && b[V2_COMMAND] != 0x20 && b[V2_COMMAND] != 0x21) return PROXY_REFUSED;
    if (in.len > V2_FAMILY && b[V2_COMMAND] == 0x21 &&
        ((b[V2_FAMILY] >> 4) > 3 || (b[V2_FAMILY] & 15) > 2))
        return PROXY_REFUSED;
    if (in.len > V2_LEN && b[V2_LEN] > V2_REST_MAX >> 8) return PROXY_REFUSED;
    if (in.len < V2_ADDRESSES) return PROXY_MORE;

    size_t rest_len = (size_t)b[V2_LEN] << 8 | b[V2_LEN + 1];
    size_t addresses_len = v2_addresses_len(b);
    if (rest_len > V2_REST_MAX || rest_len < addresses_len) return PROXY_REFUSED;
    *used = V2_ADDRESSES + rest_len;
    *is_local = addresses_len == 0;
    if (*is_local) return in.len < *used ? PROXY_MORE : PROXY_DONE;
    event = check_extensions(in, V2_ADDRESSES + addresses_len, *used);
    if (event == PROXY_DONE) set_client(b, client);
    return event;
}

static const unsigned char *bytes_of(struct slice s) {
    return (const unsigned char *)s.at;
}

// 0: it names no client. A datagram transport (a front proxy of HTTP/3, say) does, as well as a stream.
static size_t v2_addresses_len(const unsigned char *header) {
    static const size_t lens[] = {0, 12, 36, 216};
    bool is_named = header[V2_COMMAND] == 0x21 && (header[V2_FAMILY] & 15) != 0;
    return is_named ? lens[header[V2_FAMILY] >> 4] : 0;
}

static void set_client(const unsigned char *header, struct address *client) {
    const unsigned char *b = header + V2_ADDRESSES;
    *client = (struct address){0};
    switch (header[V2_FAMILY] >> 4) {
    case 1:
        client->len = sizeof client->v4;
        client->v4.sin_family = AF_INET;
        memcpy(&client->v4.sin_addr, b, 4);
        memcpy(&client->v4.sin_port, b + 8, 2);
        break;
    case 2:
        client->len = sizeof client->v6;
        client->v6.sin6_family = AF_INET6;
        memcpy(&client->v6.sin6_addr, b, 16);
        memcpy(&client->v6.sin6_port, b + 32, 2);
        break;
    default:
        client->local.sun_family = AF_UNIX;
        memcpy(client->local.sun_path, b, sizeof client->local.sun_path);
        client->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                  strnlen(client->local.sun_path, sizeof client->local.sun_path));
        break;
    }
}

// --- the extensions of version 2: type, length, value (section 2.2) ---

enum { EXTENSION_CRC32C = 3, EXTENSION_HEAD = 3, CRC_BYTES = 4 };

static bool has_good_checksum(struct slice header, size_t crc_at);
static uint32_t crc32c_add(uint32_t crc, struct slice s);

static enum proxy_event check_extensions(struct slice in, size_t at, size_t end) {
    const unsigned char *b = bytes_of(in);
    size_t crc_at = 0;
    while (at < end) {
        if (end - at < EXTENSION_HEAD) return PROXY_REFUSED;
        if (in.len < at + EXTENSION_HEAD) return PROXY_MORE;
        size_t len = (size_t)b[at + 1] << 8 | b[at + 2];
        if (len > end - at - EXTENSION_HEAD) return PROXY_REFUSED;
        if (b[at] == EXTENSION_CRC32C) {
            if (crc_at > 0 || len != CRC_BYTES) return PROXY_REFUSED;
            crc_at = at + EXTENSION_HEAD;
        }
        at += EXTENSION_HEAD + len;
    }
    if (in.len < end) return PROXY_MORE;
    bool good = crc_at == 0 || has_good_checksum((struct slice){in.at, end}, crc_at);
    return good ? PROXY_DONE : PROXY_REFUSED;
}

// It is that of the header with zeros in its own place, in network order.
static bool has_good_checksum(struct slice header, size_t crc_at) {
    const unsigned char *stated = bytes_of(header) + crc_at;
    uint32_t crc = crc32c_add(UINT32_MAX, (struct slice){header.at, crc_at});
    crc = crc32c_add(crc, SLICE("\0\0\0\0"));
    crc = ~crc32c_add(crc, slice_skip(header, crc_at + CRC_BYTES));
    for (int i = 0; i < CRC_BYTES; i++)
        if (stated[i] != (crc >> (24 - 8 * i) & 0xff)) return false;
    return true;
}

static uint32_t crc32c_add(uint32_t crc, struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        crc ^= bytes_of(s)[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}
