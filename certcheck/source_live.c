// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>

#include "certcheck/link.h"
#include "certcheck/out.h"
#include "certcheck/probe.h"
#include "certcheck/starttls.h"
#include "certcheck/target_parts.h"
#include "core/check.h"
#include "core/clock.h"
#include "tls/certificate.h"

// Certificates of a server, as it sends them to each kind of client. A chain that came to several probes is one target.

#define HTTPS_PORT 443

// Where to ask.
struct place {
    char host[HOSTNAME_MAX + 3]; // normalised, without brackets
    int port;
    const struct starttls *starttls; // NULL: none
    char sni[HOSTNAME_MAX + 1];      // normalised; empty: none
    uint64_t end_ms;                 // of all that it is asked
};

static bool find_place(const struct targets *t, const char *word, struct place *p,
                       struct text *why);
static bool choose_host(const char *word, struct place *p, struct text *why);
static const char *split(const char *word, struct slice *host, int *port);
static bool read_port(struct slice digits, int *port);
static void ask(struct targets *t, const char *word, const struct place *p);
static void add_failed(struct targets *t, const char *word, struct text *why);
static void note_unasked(struct targets *t, size_t first, size_t probe);
static bool ask_once(const struct place *p, const struct probe *probe, STACK_OF(X509) * *sent,
                     struct target_live *live, bool *is_reached, struct text *why);
static void take(struct targets *t, size_t first, const char *word, const struct place *p,
                 const struct probe *probe, STACK_OF(X509) * sent, struct target_live *live);
static bool is_same_chain(const STACK_OF(X509) * a, const STACK_OF(X509) * b);
static void add_probe(struct target *one, const char *name);
static void tell_apart(struct targets *t, size_t first);
static const char *kind_name(const struct target *one);

void source_add_live(struct targets *t, const char *word) {
    struct place p;
    struct text why;
    text_init(&why, 600);
    if (find_place(t, word, &p, &why))
        ask(t, word, &p);
    else
        add_failed(t, word, &why);
    text_fini(&why);
}

static bool find_place(const struct targets *t, const char *word, struct place *p,
                       struct text *why) {
    *p = (struct place){.port = -1, .end_ms = clock_read_us() / 1000 + targets_timeout_ms(t)};
    if (!choose_host(word, p, why)) return false;
    const char *protocol = t->conf->starttls;
    if (protocol) p->starttls = starttls_find(protocol); // or none
    if (p->port < 0) p->port = p->starttls ? starttls_port(p->starttls) : HTTPS_PORT;
    if (!protocol) p->starttls = starttls_of_port(p->port);
    const char *sni = t->conf->sni ? t->conf->sni : p->host;
    if (*sni == '\0' || target_normalise_host(slice_of(sni), p->sni) > 0) return true;
    text_printf(why, "no host can have the name \"%.200s\" (--sni)", sni);
    return false;
}

static bool choose_host(const char *word, struct place *p, struct text *why) {
    struct slice host;
    char name[HOSTNAME_MAX + 1];
    const char *fault = split(word, &host, &p->port);
    if (!fault && target_normalise_host(host, name) == 0) fault = "no host can have this name";
    if (fault) {
        text_printf(why, "there is no such file, and as a server (host[:port]): %s", fault);
        return false;
    }
    size_t len = strlen(name);
    bool has_brackets = name[0] == '['; // of an IPv6 address
    snprintf(p->host, sizeof p->host, "%.*s", (int)(has_brackets ? len - 2 : len),
             has_brackets ? name + 1 : name);
    return true;
}

// "a.example", "a.example:8443", "[::1]:8443", "::1", "https://a.example/any"; port -1: none is said. NULL, or what is wrong.
static const char *split(const char *word, struct slice *host, int *port) {
    struct slice rest = slice_of(word);
    *port = -1;
    if (slice_starts_with(rest, SLICE("https://"))) {
        rest = slice_skip(rest, 8);
        rest = slice_cut(&rest, '/');
    }
    ptrdiff_t bracket = slice_find(rest, ']'), colon = slice_find(rest, ':');
    if (slice_starts_with(rest, SLICE("[")) && bracket < 0) return "a '[' without its ']'";
    size_t after = bracket >= 0 ? (size_t)bracket + 1 : colon >= 0 ? (size_t)colon : rest.len;
    bool is_bare_v6 =
        bracket < 0 && colon >= 0 && slice_find(slice_skip(rest, (size_t)colon + 1), ':') >= 0;
    if (is_bare_v6) after = rest.len;
    *host = (struct slice){rest.at, after};
    rest = slice_skip(rest, after);
    if (host->len == 0) return "there is no host";
    if (rest.len > 0 && rest.at[0] != ':') return "only :PORT may follow the ']'";
    if (rest.len > 0 && !read_port(slice_skip(rest, 1), port))
        return "the port is no number from 1 to 65535";
    return NULL;
}

static bool read_port(struct slice digits, int *port) {
    uint64_t n;
    if (!slice_to_u64(digits, &n) || n == 0 || n > 65535) return false;
    *port = (int)n;
    return true;
}

// What fails before TLS will fail again: then one problem is enough. What fails in TLS is a kind of certificate that is not there, unless all do.
static void ask(struct targets *t, const char *word, const struct place *p) {
    size_t first = t->count;
    struct text why;
    text_init(&why, 600);
    bool is_reached = true;
    size_t i = 0;
    for (; probes[i] && is_reached; i++) {
        STACK_OF(X509) *sent = NULL;
        struct target_live live = {0};
        struct text reason;
        text_init(&reason, 600);
        if (ask_once(p, probes[i], &sent, &live, &is_reached, &reason))
            take(t, first, word, p, probes[i], sent, &live);
        else if (why.len == 0)
            text_add(&why, text_slice(&reason));
        text_fini(&reason);
    }
    if (t->count == first) add_failed(t, word, &why);
    if (!is_reached) note_unasked(t, first, i - 1);
    tell_apart(t, first);
    text_fini(&why);
}

static void add_failed(struct targets *t, const char *word, struct text *why) {
    struct target *none = targets_add_new(t, TARGET_LIVE, word);
    out_add_clean(&none->problems, slice_of(word));
    text_printf(&none->problems, ": %s\n", text_string(why));
}

// From the probe that failed on, in every chain that came before.
static void note_unasked(struct targets *t, size_t first, size_t probe) {
    struct text names;
    text_init(&names, 200);
    for (size_t i = probe; probes[i]; i++)
        text_printf(&names, "%s%s", i > probe ? ", " : "", probe_name(probes[i]));
    for (size_t i = first; i < t->count; i++)
        if (sk_X509_num(t->list[i]->sent) > 0)
            t->list[i]->live.unasked = target_copy_string(text_string(&names));
    text_fini(&names);
}

static bool ask_once(const struct place *p, const struct probe *probe, STACK_OF(X509) * *sent,
                     struct target_live *live, bool *is_reached, struct text *why) {
    uint64_t now_ms = clock_read_us() / 1000;
    unsigned left_ms = now_ms < p->end_ms ? (unsigned)(p->end_ms - now_ms) : 1;
    struct link l;
    *is_reached =
        link_open(&l, p->host, p->port, left_ms, why) &&
        (!p->starttls || starttls_ask(p->starttls, &l, p->sni[0] ? p->sni : p->host, why));
    bool is_good = *is_reached && probe_run(probe, &l, p->sni, sent, live, why);
    if (is_good) {
        live->address = target_copy_string(l.peer);
        live->sni = p->sni[0] ? target_copy_string(p->sni) : NULL;
        live->starttls = p->starttls ? target_copy_string(starttls_name(p->starttls)) : NULL;
    } else if (*is_reached && link_is_late(&l)) {
        *is_reached = false; // who is silent once is silent again
    }
    link_close(&l);
    return is_good;
}

static void take(struct targets *t, size_t first, const char *word, const struct place *p,
                 const struct probe *probe, STACK_OF(X509) * sent, struct target_live *live) {
    for (size_t i = first; i < t->count; i++) {
        if (!is_same_chain(t->list[i]->sent, sent)) continue;
        add_probe(t->list[i], probe_name(probe));
        sk_X509_pop_free(sent, X509_free);
        target_live_fini(live);
        return;
    }
    struct target *one = targets_add_new(t, TARGET_LIVE, word);
    sk_X509_pop_free(one->sent, X509_free);
    target_live_fini(&one->live);
    one->sent = sent;
    one->live = *live;
    add_probe(one, probe_name(probe));
    if (!t->conf->host) target_add_host(one, p->sni[0] ? p->sni : p->host);
}

static bool is_same_chain(const STACK_OF(X509) * a, const STACK_OF(X509) * b) {
    bool is_same = sk_X509_num(a) == sk_X509_num(b);
    for (int i = 0; is_same && i < sk_X509_num(a); i++)
        is_same = X509_cmp(sk_X509_value(a, i), sk_X509_value(b, i)) == 0;
    return is_same;
}

static void add_probe(struct target *one, const char *name) {
    struct text all;
    text_init(&all, 200);
    if (one->live.probes) text_printf(&all, "%s, ", one->live.probes);
    text_add(&all, slice_of(name));
    free(one->live.probes);
    one->live.probes = target_copy_string(text_string(&all));
    text_fini(&all);
}

// By the kind of key, and where that is the same for two of them, by who gets it.
static void tell_apart(struct targets *t, size_t first) {
    for (size_t i = first; t->count - first > 1 && i < t->count; i++) {
        struct target *one = t->list[i];
        bool is_alone = true;
        char name[400];
        for (size_t k = first; k < t->count; k++)
            is_alone = is_alone && (k == i || strcmp(kind_name(t->list[k]), kind_name(one)) != 0);
        snprintf(name, sizeof name, "%.300s (%s)", one->name,
                 is_alone ? kind_name(one) : one->live.probes);
        free(one->name);
        one->name = target_copy_string(name);
    }
}

static const char *kind_name(const struct target *one) {
    static const char *const names[] = {
        [KEY_RSA] = "RSA", [KEY_ECDSA] = "ECDSA", [KEY_EDDSA] = "EdDSA", [KEY_OTHER] = "other"};
    const X509 *leaf = sk_X509_value(one->sent, 0);
    return leaf ? names[certificate_key_kind(leaf)] : "none";
}
