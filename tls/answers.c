// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/answers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/log.h"
#include "tls/profile.h"
#include "tls/reason.h"

#define BUCKETS 1024

struct answer {
    struct answer *next;
    const struct identity *identities[KEY_KINDS];
    const struct client_verifier *verifier;
    SSL_CTX *settings;
};
struct answers {
    char *profile;
    struct tickets *tickets;
    struct answer *buckets[BUCKETS]; // by the addresses of their identities
};

static void use_identity(SSL_CTX *c, const struct identity *id);
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned len, void *arg);

struct answers *answers_new(const char *profile, struct tickets *tickets) {
    struct answers *s = calloc(1, sizeof *s);
    CHECK(s);
    s->profile = profile ? strdup(profile) : NULL;
    s->tickets = tickets;
    return s;
}

void answers_free(struct answers *s) {
    if (!s) return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct answer *a = s->buckets[i], *next; a; a = next) {
            next = a->next;
            SSL_CTX_free(a->settings);
            free(a);
        }
    free(s->profile);
    free(s);
}

SSL_CTX *answers_new_settings(const struct answers *s) {
    SSL_CTX *c = profile_new(s->profile, TLS_server_method());
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
    if (s->tickets) {
        tickets_attach(s->tickets, c);
        SSL_CTX_set_num_tickets(c, 1); // a connection uses up one, so it is given one
    } else {
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(c, 0);
    }
    return c;
}

SSL_CTX *answers_get(struct answers *s, const struct identity *const identities[KEY_KINDS],
                     const struct client_verifier *verifier) {
    uintptr_t key = (uintptr_t)verifier / sizeof(void *);
    for (int i = 0; i < KEY_KINDS; i++) key = key * 31 + (uintptr_t)identities[i] / sizeof(void *);
    struct answer **place = &s->buckets[(key ^ key >> 8) % BUCKETS];
    for (struct answer *a = *place; a; a = a->next)
        if (a->verifier == verifier && memcmp(a->identities, identities, sizeof a->identities) == 0)
            return a->settings;
    struct answer *a = calloc(1, sizeof *a);
    CHECK(a);
    memcpy(a->identities, identities, sizeof a->identities);
    a->verifier = verifier;
    a->settings = answers_new_settings(s);
    client_verifier_attach(verifier, a->settings);
    for (int i = 0; i < KEY_KINDS; i++)
        if (identities[i]) use_identity(a->settings, identities[i]);
    a->next = *place;
    *place = a;
    return a->settings;
}

// identity_load() has refused what OpenSSL would refuse here; should it know a further reason, the name has no certificate.
static void use_identity(SSL_CTX *c, const struct identity *id) {
    if (id->is_weak) profile_allow_weak(c);
    if (SSL_CTX_use_cert_and_key(c, id->leaf, id->key, id->chain, 1) == 1) return;
    struct text why;
    text_init(&why, 300);
    reason_take_plain(&why);
    log_error("%s: OpenSSL does not take it: %s", id->path, text_string(&why));
    text_fini(&why);
}

// http/1.1 or nothing: a client that offers only other protocols must not take our answer for one of theirs.
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned len, void *arg) {
    static const unsigned char http11[] = "\x08http/1.1";
    (void)ssl, (void)arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, http11, sizeof http11 - 1, offered, len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}
