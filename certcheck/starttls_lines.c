// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Dialects of lines, and XMPP: RFCs beside each.

#include <ctype.h>

#include "certcheck/starttls_parts.h"

#define LINES_MAX 200

static bool ask_mailer(struct link *l, struct slice greeting, struct text *why);
static bool ask_xmpp(struct link *l, const char *name, const char *whose, struct text *why);
static bool read_reply(struct link *l, const char *code, bool *offers, struct text *why);
static bool read_starting(struct link *l, const char *beginning, struct text *why);
static bool begins(struct slice line, const char *beginning);
static bool has_word(struct slice line, const char *word);

// RFC 3207. EHLO again after TLS is not needed: we leave.
bool starttls_ask_smtp(struct link *l, const char *name, struct text *why) {
    (void)name;
    return ask_mailer(l, SLICE("EHLO rsp-certcheck.invalid\r\n"), why);
}

// RFC 2033: SMTP with another greeting.
bool starttls_ask_lmtp(struct link *l, const char *name, struct text *why) {
    (void)name;
    return ask_mailer(l, SLICE("LHLO rsp-certcheck.invalid\r\n"), why);
}

static bool ask_mailer(struct link *l, struct slice greeting, struct text *why) {
    bool offers = false;
    if (!read_reply(l, "220", &offers, why) || !link_write(l, greeting, why)) return false;
    offers = false;
    if (!read_reply(l, "250", &offers, why)) return false;
    if (!offers) {
        text_add(why, SLICE("the server does not offer it"));
        return false;
    }
    return link_write(l, SLICE("STARTTLS\r\n"), why) && read_reply(l, "220", &offers, why);
}

// RFC 3501 section 6.2.1. Untagged lines may come at any time.
bool starttls_ask_imap(struct link *l, const char *name, struct text *why) {
    struct slice line;
    (void)name;
    if (!read_starting(l, "* OK", why) || !link_write(l, SLICE("a STARTTLS\r\n"), why))
        return false;
    for (int i = 0; i < LINES_MAX; i++) {
        if (!link_read_line(l, &line, why)) return false;
        if (slice_starts_with(line, SLICE("* "))) continue;
        if (begins(line, "a OK")) return true;
        starttls_quote(why, "the server refuses: ", line);
        return false;
    }
    text_add(why, SLICE("the server does not come to the point"));
    return false;
}

// RFC 2595 section 4.
bool starttls_ask_pop3(struct link *l, const char *name, struct text *why) {
    (void)name;
    return read_starting(l, "+OK", why) && link_write(l, SLICE("STLS\r\n"), why) &&
           read_starting(l, "+OK", why);
}

// RFC 5804 sections 1.7 and 2.2: capabilities, a line each, and OK at their end.
bool starttls_ask_sieve(struct link *l, const char *name, struct text *why) {
    struct slice line;
    bool offers = false;
    (void)name;
    for (int i = 0; i < LINES_MAX; i++) {
        if (!link_read_line(l, &line, why)) return false;
        if (begins(line, "OK")) {
            if (offers)
                return link_write(l, SLICE("STARTTLS\r\n"), why) && read_starting(l, "OK", why);
            text_add(why, SLICE("the server does not offer it"));
            return false;
        }
        if (!begins(line, "\"")) {
            starttls_quote(why, "the server says: ", line);
            return false;
        }
        offers = offers || begins(line, "\"STARTTLS\"");
    }
    text_add(why, SLICE("the server does not come to the point"));
    return false;
}

// RFC 4642 section 2.2. 201: nobody may post, which we do not want to.
bool starttls_ask_nntp(struct link *l, const char *name, struct text *why) {
    (void)name;
    return read_starting(l, "20", why) && link_write(l, SLICE("STARTTLS\r\n"), why) &&
           read_starting(l, "382", why);
}

// RFC 4217 section 4.
bool starttls_ask_ftp(struct link *l, const char *name, struct text *why) {
    bool unused = false;
    (void)name;
    return read_reply(l, "220", &unused, why) && link_write(l, SLICE("AUTH TLS\r\n"), why) &&
           read_reply(l, "234", &unused, why);
}

// RFC 6120 section 5.4.
bool starttls_ask_xmpp(struct link *l, const char *name, struct text *why) {
    return ask_xmpp(l, name, "client", why);
}

bool starttls_ask_xmpp_server(struct link *l, const char *name, struct text *why) {
    return ask_xmpp(l, name, "server", why);
}

static bool ask_xmpp(struct link *l, const char *name, const char *whose, struct text *why) {
    struct text opening;
    struct slice out;
    text_init(&opening, 1000);
    text_printf(&opening,
                "<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:%s' version='1.0' "
                "xmlns:stream='http://etherx.jabber.org/streams'>",
                name, whose);
    bool is_said = link_write(l, text_slice(&opening), why);
    text_fini(&opening);
    if (!is_said || !link_read_to(l, SLICE("</stream:features>"), &out, why)) return false;
    if (!memmem(out.at, out.len, "urn:ietf:params:xml:ns:xmpp-tls", 31)) {
        text_add(why, SLICE("the server does not offer it"));
        return false;
    }
    if (!link_write(l, SLICE("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), why))
        return false;
    if (!link_read_to(l, SLICE(">"), &out, why)) return false;
    if (memmem(out.at, out.len, "<proceed", 8)) return true;
    starttls_quote(why, "the server refuses: ", out);
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
            starttls_quote(why, "the server says: ", line);
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
    if (begins(line, beginning)) return true;
    starttls_quote(why, "the server says: ", line);
    return false;
}

// Whatever the case of its letters.
static bool begins(struct slice line, const char *beginning) {
    size_t len = strlen(beginning);
    return line.len >= len &&
           slice_equals_nocase((struct slice){line.at, len}, (struct slice){beginning, len});
}

// After the code and its mark.
static bool has_word(struct slice line, const char *word) {
    struct slice rest = line.len > 4 ? slice_trim(slice_skip(line, 4)) : (struct slice){NULL, 0};
    return slice_equals_nocase(rest, slice_of(word));
}
