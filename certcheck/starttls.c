// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/starttls.h"

#include <ctype.h>

#define LINES_MAX 200

struct starttls {
    const char *name;
    int ports[3]; // the first is the default
    bool (*ask)(struct link *l, const char *name, struct text *why);
};

static bool ask_smtp(struct link *l, const char *name, struct text *why);
static bool ask_imap(struct link *l, const char *name, struct text *why);
static bool ask_pop3(struct link *l, const char *name, struct text *why);
static bool ask_ftp(struct link *l, const char *name, struct text *why);
static bool ask_ldap(struct link *l, const char *name, struct text *why);
static bool ask_postgres(struct link *l, const char *name, struct text *why);
static bool ask_xmpp(struct link *l, const char *name, struct text *why);
static bool read_reply(struct link *l, const char *code, bool *offers, struct text *why);
static bool read_starting(struct link *l, const char *beginning, struct text *why);
static bool say(struct link *l, struct slice line, struct text *why);
static void quote(struct text *why, const char *before, struct slice line);
static bool has_word(struct slice line, const char *word);

static const struct starttls dialects[] = {
    {"smtp", {25, 587, 2525}, ask_smtp}, {"imap", {143}, ask_imap},
    {"pop3", {110}, ask_pop3},           {"ftp", {21}, ask_ftp},
    {"ldap", {389}, ask_ldap},           {"postgres", {5432}, ask_postgres},
    {"xmpp", {5222, 5269}, ask_xmpp},
};
#define DIALECTS (sizeof dialects / sizeof *dialects)

const struct starttls *starttls_find(const char *name) {
    for (size_t i = 0; i < DIALECTS; i++)
        if (strcmp(dialects[i].name, name) == 0) return &dialects[i];
    return NULL;
}

const struct starttls *starttls_of_port(int port) {
    for (size_t i = 0; i < DIALECTS; i++)
        for (size_t k = 0; k < 3; k++)
            if (dialects[i].ports[k] == port) return &dialects[i];
    return NULL;
}

const char *starttls_name(const struct starttls *s) {
    return s->name;
}

int starttls_port(const struct starttls *s) {
    return s->ports[0];
}

void starttls_add_names(struct text *out) {
    for (size_t i = 0; i < DIALECTS; i++)
        text_printf(out, "%s%s", i > 0 ? ", " : "", dialects[i].name);
}

// What came along with the agreement was not protected: somebody may have put it there.
bool starttls_ask(const struct starttls *s, struct link *l, const char *name, struct text *why) {
    struct text reason;
    text_init(&reason, 600);
    bool is_agreed = s->ask(l, name, &reason);
    if (!is_agreed)
        text_printf(why, "STARTTLS (%s): %s", s->name, text_string(&reason));
    else if (link_unread(l) > 0)
        text_printf(why, "STARTTLS (%s): %zu bytes came in plain text after the agreement", s->name,
                    link_unread(l));
    text_fini(&reason);
    return is_agreed && link_unread(l) == 0;
}

// RFC 3207. EHLO again after TLS is not needed: we leave.
static bool ask_smtp(struct link *l, const char *name, struct text *why) {
    bool offers = false;
    (void)name;
    if (!read_reply(l, "220", &offers, why)) return false;
    if (!say(l, SLICE("EHLO rsp-certcheck.invalid\r\n"), why)) return false;
    offers = false;
    if (!read_reply(l, "250", &offers, why)) return false;
    if (!offers) {
        text_add(why, SLICE("the server does not offer it"));
        return false;
    }
    return say(l, SLICE("STARTTLS\r\n"), why) && read_reply(l, "220", &offers, why);
}

// RFC 3501 section 6.2.1. Untagged lines may come at any time.
static bool ask_imap(struct link *l, const char *name, struct text *why) {
    struct slice line;
    (void)name;
    if (!read_starting(l, "* OK", why) || !say(l, SLICE("a STARTTLS\r\n"), why)) return false;
    for (int i = 0; i < LINES_MAX; i++) {
        if (!link_read_line(l, &line, why)) return false;
        if (slice_starts_with(line, SLICE("* "))) continue;
        if (line.len >= 4 && slice_equals_nocase((struct slice){line.at, 4}, SLICE("a OK")))
            return true;
        quote(why, "the server refuses: ", line);
        return false;
    }
    text_add(why, SLICE("the server does not come to the point"));
    return false;
}

// RFC 2595 section 4.
static bool ask_pop3(struct link *l, const char *name, struct text *why) {
    (void)name;
    return read_starting(l, "+OK", why) && say(l, SLICE("STLS\r\n"), why) &&
           read_starting(l, "+OK", why);
}

// RFC 4217 section 4.
static bool ask_ftp(struct link *l, const char *name, struct text *why) {
    bool unused = false;
    (void)name;
    return read_reply(l, "220", &unused, why) && say(l, SLICE("AUTH TLS\r\n"), why) &&
           read_reply(l, "234", &unused, why);
}

// RFC 4511 section 4.14: an extended request with one OID, an extended response whose first element is the result code.
static bool ask_ldap(struct link *l, const char *name, struct text *why) {
    static const char request[] = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                                  "1.3.6.1.4.1.1466.20037";
    struct slice head, body;
    (void)name;
    if (!say(l, (struct slice){request, sizeof request - 1}, why)) return false;
    if (!link_read(l, 2, &head, why)) return false;
    size_t len = (unsigned char)head.at[1];
    bool is_message = head.at[0] == 0x30;
    if (is_message && len > 0x80 && len <= 0x84) { // the length follows in so many bytes
        size_t bytes = len & 0x7f;
        if (!link_read(l, bytes, &body, why)) return false;
        len = 0;
        for (size_t i = 0; i < bytes; i++) len = len << 8 | (unsigned char)body.at[i];
    }
    if (!is_message || len < 5 || len > LINK_LINE_MAX) {
        text_add(why, SLICE("what came is no LDAP answer"));
        return false;
    }
    if (!link_read(l, len, &body, why)) return false;
    // messageID 1, [APPLICATION 24], ENUMERATED resultCode 0
    const char *result = memmem(body.at, body.len, "\x0a\x01", 2);
    bool is_answer =
        memcmp(body.at, "\x02\x01\x01\x78", 4) == 0 && result && result + 2 < body.at + body.len;
    if (!is_answer) text_add(why, SLICE("what came is no LDAP answer to the request"));
    if (is_answer && result[2] != 0)
        text_printf(why, "the server refuses (result code %d)", (unsigned char)result[2]);
    return is_answer && result[2] == 0;
}

// PostgreSQL's protocol, SSLRequest: length 8, code 80877103; one byte is the answer.
static bool ask_postgres(struct link *l, const char *name, struct text *why) {
    static const char request[] = "\x00\x00\x00\x08\x04\xd2\x16\x2f";
    struct slice answer;
    (void)name;
    if (!say(l, (struct slice){request, sizeof request - 1}, why)) return false;
    if (!link_read(l, 1, &answer, why)) return false;
    if (answer.at[0] == 'S') return true;
    if (answer.at[0] == 'N')
        text_add(why, SLICE("the server does not offer it"));
    else
        text_add(why, SLICE("what came is no answer of PostgreSQL"));
    return false;
}

// RFC 6120 section 5.4. Port 5269 is for servers.
static bool ask_xmpp(struct link *l, const char *name, struct text *why) {
    struct text opening;
    struct slice out;
    text_init(&opening, 1000);
    text_printf(&opening,
                "<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:%s' version='1.0' "
                "xmlns:stream='http://etherx.jabber.org/streams'>",
                name, strstr(l->peer, ":5269") ? "server" : "client");
    bool is_said = say(l, text_slice(&opening), why);
    text_fini(&opening);
    if (!is_said || !link_read_to(l, SLICE("</stream:features>"), &out, why)) return false;
    if (!memmem(out.at, out.len, "urn:ietf:params:xml:ns:xmpp-tls", 31)) {
        text_add(why, SLICE("the server does not offer it"));
        return false;
    }
    if (!say(l, SLICE("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), why)) return false;
    if (!link_read_to(l, SLICE(">"), &out, why)) return false;
    if (memmem(out.at, out.len, "<proceed", 8)) return true;
    quote(why, "the server refuses: ", out);
    return false;
}

// A reply of one or more lines as SMTP and FTP have them ("220-...", "220 ..."). offers: STARTTLS was among them.
static bool read_reply(struct link *l, const char *code, bool *offers, struct text *why) {
    struct slice line;
    for (int i = 0; i < LINES_MAX; i++) {
        if (!link_read_line(l, &line, why)) return false;
        bool is_code = line.len >= 3 && memcmp(line.at, code, 3) == 0;
        bool has_more = line.len > 3 && line.at[3] == '-';
        bool is_inner = i > 0 && (line.len < 4 || !isdigit((unsigned char)line.at[0]));
        if (!is_code && !is_inner) { // FTP's inner lines have no code
            quote(why, "the server says: ", line);
            return false;
        }
        *offers = *offers || (is_code && has_word(line, "STARTTLS"));
        if (is_code && !has_more) return true;
    }
    text_add(why, SLICE("the server does not come to the point"));
    return false;
}

static bool read_starting(struct link *l, const char *beginning, struct text *why) {
    struct slice line;
    if (!link_read_line(l, &line, why)) return false;
    if (slice_starts_with(line, slice_of(beginning))) return true;
    quote(why, "the server says: ", line);
    return false;
}

static bool say(struct link *l, struct slice line, struct text *why) {
    return link_write(l, line, why);
}

// What a server says may be anything: a terminal must not obey it.
static void quote(struct text *why, const char *before, struct slice line) {
    text_add(why, slice_of(before));
    text_add_char(why, '"');
    for (size_t i = 0; i < line.len && i < 100; i++)
        text_add_char(why, line.at[i] >= ' ' && line.at[i] < 0x7f ? line.at[i] : '?');
    text_add_char(why, '"');
}

// After the code and its mark.
static bool has_word(struct slice line, const char *word) {
    struct slice rest = line.len > 4 ? slice_trim(slice_skip(line, 4)) : (struct slice){NULL, 0};
    return slice_equals_nocase(rest, slice_of(word));
}
