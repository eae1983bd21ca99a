// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Dialects whose messages are binary.

#include "certcheck/starttls_parts.h"

static bool read_ldap_message(struct link *l, struct slice *body, struct text *why);
static bool offers_mysql(struct slice greeting, struct text *why);

// RFC 4511 section 4.14: an extended request with one OID, an extended response whose first element is the result code.
bool starttls_ask_ldap(struct link *l, const char *name, struct text *why) {
    static const char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                                  "1.3.6.1.4.1.1466.20037";
    struct slice body;
    (void)name;
    if (!link_write(l, (struct slice){request, sizeof request - 1}, why)) return false;
    if (!read_ldap_message(l, &body, why)) return false;
    // messageID 1, [APPLICATION 24], ENUMERATED resultCode
    const char *result = memmem(body.at, body.len, "\x0a\x01", 2);
    bool is_answer =
        memcmp(body.at, "\x02\x01\x01\x78", 4) == 0 && result && result + 2 < body.at + body.len;
    if (!is_answer)
        text_add(why, SLICE("what came is no LDAP answer to the request"));
    else if (result[2] != 0)
        text_printf(why, "the server refuses (result code %d)", (unsigned char)result[2]);
    return is_answer && result[2] == 0;
}

// The content of a SEQUENCE, of at least a message's number and the head of what follows.
static bool read_ldap_message(struct link *l, struct slice *body, struct text *why) {
    struct slice head;
    if (!link_read(l, 2, &head, why)) return false;
    bool is_sequence = head.at[0] == 0x30;
    size_t len = (unsigned char)head.at[1];
    if (is_sequence && len > 0x80 && len <= 0x84) { // the length follows in so many bytes
        if (!link_read(l, len & 0x7f, &head, why)) return false;
        len = 0;
        for (size_t i = 0; i < head.len; i++) len = len << 8 | (unsigned char)head.at[i];
    }
    if (is_sequence && len >= 5 && len <= LINK_LINE_MAX) return link_read(l, len, body, why);
    text_add(why, SLICE("what came is no LDAP answer"));
    return false;
}

// PostgreSQL's protocol, SSLRequest: length 8, code 80877103; one byte is the answer.
bool starttls_ask_postgres(struct link *l, const char *name, struct text *why) {
    static const char request[] = "\x00\x00\x00\x08\x04\xd2\x16\x2f";
    struct slice answer;
    (void)name;
    if (!link_write(l, (struct slice){request, sizeof request - 1}, why)) return false;
    if (!link_read(l, 1, &answer, why)) return false;
    if (answer.at[0] == 'S') return true;
    if (answer.at[0] == 'N')
        text_add(why, SLICE("the server does not offer it"));
    else
        text_add(why, SLICE("what came is no answer of PostgreSQL"));
    return false;
}

// MySQL's protocol: packets of a length of 3 bytes and a number; the server's greeting says what it can, and a packet that is cut
// short after the client's own abilities asks for TLS. MariaDB speaks it as well.
bool starttls_ask_mysql(struct link *l, const char *name, struct text *why) {
    // 32 bytes, number 1; PROTOCOL_41, SSL, SECURE_CONNECTION; packets of 16 MiB, utf8
    static const char request[36] = "\x20\x00\x00\x01\x00\x8a\x00\x00\x00\x00\x00\x01\x21";
    struct slice head, greeting;
    (void)name;
    if (!link_read(l, 4, &head, why)) return false;
    const unsigned char *h = (const unsigned char *)head.at;
    size_t len = h[0] | (size_t)h[1] << 8 | (size_t)h[2] << 16;
    if (len == 0 || len > LINK_LINE_MAX || h[3] != 0) {
        text_add(why, SLICE("what came is no greeting of MySQL"));
        return false;
    }
    if (!link_read(l, len, &greeting, why)) return false;
    if ((unsigned char)greeting.at[0] == 0xff && greeting.len > 3) { // and an error's number
        starttls_quote(why, "the server says: ", slice_skip(greeting, 3));
        return false;
    }
    return offers_mysql(greeting, why) &&
           link_write(l, (struct slice){request, sizeof request}, why);
}

// Version 10, the server's own with a NUL, a number of 4 bytes, 8 at random and a NUL; then what it can.
static bool offers_mysql(struct slice greeting, struct text *why) {
    ptrdiff_t end = slice_find(greeting, '\0');
    size_t at = end < 0 ? greeting.len : (size_t)end + 1 + 4 + 8 + 1;
    if (greeting.at[0] != 10 || at + 2 > greeting.len) {
        text_add(why, SLICE("what came is no greeting of MySQL"));
        return false;
    }
    bool offers = (unsigned char)greeting.at[at + 1] & 0x08; // CLIENT_SSL
    if (!offers) text_add(why, SLICE("the server does not offer it"));
    return offers;
}
