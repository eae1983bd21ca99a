// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// A line is written by one cursor into room that was made for the longest: asked for room at each of its forty pieces, the line was
// a quarter of all instructions of a small exchange (tests/guard/guard).
#include "http/access_line.h"

#include "core/clock.h"

// What of a field is written at most.
enum {
    TARGET_MAX = 1800,
    REFERER_MAX = 400,
    AGENT_MAX = 300,
    HOST_MAX = 255,
    NAME_MAX_BYTES = 120,
    WORD_MAX = 40,
    SUBJECT_MAX = 200,
    ADDRESS_MAX = 46,
    OTHERS_MAX = 400, // words, dates and numbers of the line
};
_Static_assert(TARGET_MAX + REFERER_MAX + AGENT_MAX + 2 * HOST_MAX + 2 * NAME_MAX_BYTES +
                       4 * WORD_MAX + SUBJECT_MAX + ADDRESS_MAX + OTHERS_MAX <=
                   ACCESS_LINE_MAX,
               "the longest line fits");

static char *put_combined(char *at, const struct access_entry *e);
static char *put_certificate(char *at, const struct access_entry *e);
static char *put_status(char *at, int status);
static char *put_value(char *at, struct slice value, size_t max);
static char *put_seconds(char *at, uint64_t us);
static char *put_number(char *at, uint64_t n);
static char *put_escaped(char *at, struct slice s, size_t max, bool is_quoted);
static bool is_all_plain(struct slice s, bool is_quoted);
static bool is_plain(unsigned char c, bool is_quoted);

static inline char *put(char *at, struct slice s) {
    if (s.len > 0) memcpy(at, s.at, s.len);
    return at + s.len;
}

char *access_line_write(char *at, const struct access_entry *e) {
    at = put_combined(at, e);
    at = put_value(put(at, SLICE(" host=")), e->host, HOST_MAX);
    at = put_value(put(at, SLICE(" site=")), e->site, HOST_MAX);
    at = put_value(put(at, SLICE(" pool=")), e->pool, NAME_MAX_BYTES);
    at = put_value(put(at, SLICE(" backend=")), e->backend, NAME_MAX_BYTES);
    at = put_seconds(put(at, SLICE(" read=")), e->read_us);
    at = put_seconds(put(at, SLICE(" queue=")), e->queue_us);
    at = put_seconds(put(at, SLICE(" connect=")), e->connect_us);
    at = put_seconds(put(at, SLICE(" first_byte=")), e->first_byte_us);
    at = put_seconds(put(at, SLICE(" total=")), e->total_us);
    at = put_number(put(at, SLICE(" tries=")), e->tries);
    at = put_number(put(at, SLICE(" in=")), e->bytes_in);
    at = put_number(put(at, SLICE(" out=")), e->bytes_out);
    at = put(put(at, SLICE(" reason=")), slice_of(e->reason)); // these two are ours
    at = put(put(at, SLICE(" tls=")), slice_of(e->tls));
    if (e->certificate.len > 0) at = put_certificate(at, e);
    at = put_value(put(at, SLICE(" id=")), e->request_id, WORD_MAX);
    return put(at, SLICE("\n"));
}

static char *put_combined(char *at, const struct access_entry *e) {
    at = put(put(at, slice_of(e->client_ip)), SLICE(" - - ["));
    at = put(put(at, slice_of(clock_log_date())), SLICE("] \""));
    if (e->method.len == 0) {
        at = put(at, SLICE("-"));
    } else {
        at = put(put_escaped(at, e->method, WORD_MAX, true), SLICE(" "));
        at = put_escaped(at, e->target, TARGET_MAX, true);
        at = put(at, e->minor_version == 0 ? SLICE(" HTTP/1.0") : SLICE(" HTTP/1.1"));
    }
    at = put(put_status(put(at, SLICE("\" ")), e->status), SLICE(" "));
    at = put(put_number(at, e->body_bytes), SLICE(" \""));
    at = put_escaped(at, e->referer.len ? e->referer : SLICE("-"), REFERER_MAX, true);
    at = put(at, SLICE("\" \""));
    at = put_escaped(at, e->user_agent.len ? e->user_agent : SLICE("-"), AGENT_MAX, true);
    return put(at, SLICE("\""));
}

static char *put_certificate(char *at, const struct access_entry *e) {
    at = put_value(put(at, SLICE(" cert=")), e->certificate, SUBJECT_MAX);
    at = put_number(put(at, SLICE(" cert_bits=")), (uint64_t)e->certificate_bits);
    return put_number(put(at, SLICE(" cert_path=")), e->certificate_path);
}

// Always three digits.
static char *put_status(char *at, int status) {
    at[0] = (char)('0' + status / 100 % 10);
    at[1] = (char)('0' + status / 10 % 10);
    at[2] = (char)('0' + status % 10);
    return at + 3;
}

static char *put_value(char *at, struct slice value, size_t max) {
    if (value.len == 0) return put(at, SLICE("-"));
    return put_escaped(at, value, max, false);
}

// With six decimals.
static char *put_seconds(char *at, uint64_t us) {
    if (us == UINT64_MAX) return put(at, SLICE("-"));
    at = put_number(at, us / 1000000);
    *at++ = '.';
    unsigned rest = (unsigned)(us % 1000000);
    for (int i = 5; i >= 0; i--, rest /= 10) at[i] = (char)('0' + rest % 10);
    return at + 6;
}

static char *put_number(char *at, uint64_t n) {
    char digits[20];
    char *first = digits + sizeof digits;
    if (n < 10) {
        *at = (char)('0' + n);
        return at + 1;
    }
    for (; n > 0; n /= 10) *--first = (char)('0' + n % 10);
    return put(at, slice_from(first, digits + sizeof digits));
}

// At most `max` bytes are written; a value that is cut ends in "...".
static char *put_escaped(char *at, struct slice s, size_t max, bool is_quoted) {
    static const char HEX[] = "0123456789abcdef";
    if (s.len + 3 <= max && is_all_plain(s, is_quoted)) return put(at, s);
    size_t written = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = is_plain(c, is_quoted);
        written += plain ? 1 : 4;
        if (written + 3 > max) return put(at, SLICE("..."));
        if (plain)
            *at++ = (char)c;
        else
            at = put(at, (struct slice){(char[]){'\\', 'x', HEX[c >> 4], HEX[c & 15]}, 4});
    }
    return at;
}

// Eight bytes at a time: nearly all values are plain.
#define EACH(byte)         (UINT64_C(0x0101010101010101) * (byte))
#define TOP                EACH(0x80)
#define HAS_ZERO(v)        (((v)-EACH(1)) & ~(v)&TOP)
#define HAS(v, byte)       HAS_ZERO((v) ^ EACH(byte))
#define HAS_BELOW(v, byte) (((v)-EACH(byte)) & ~(v)&TOP)

static inline uint64_t odd_bytes(uint64_t eight, bool is_quoted) {
    return (eight & TOP) | HAS(eight, '"') | HAS(eight, '\\') | HAS(eight, 0x7f) |
           (is_quoted ? HAS_BELOW(eight, ' ') : HAS_BELOW(eight, ' ' + 1));
}

static bool is_all_plain(struct slice s, bool is_quoted) {
    uint64_t bad = 0, eight;
    for (size_t i = 0; i + sizeof eight < s.len; i += sizeof eight) {
        memcpy(&eight, s.at + i, sizeof eight);
        bad |= odd_bytes(eight, is_quoted);
    }
    if (s.len >= sizeof eight) { // the last ones, some of them again
        memcpy(&eight, s.at + s.len - sizeof eight, sizeof eight);
        return (bad | odd_bytes(eight, is_quoted)) == 0;
    }
    for (size_t i = 0; i < s.len; i++)
        if (!is_plain((unsigned char)s.at[i], is_quoted)) return false;
    return true;
}

static bool is_plain(unsigned char c, bool is_quoted) {
    return c > 0x1f && c < 0x7f && c != '"' && c != '\\' && (is_quoted || c != ' ');
}
