// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/check.h"
#include "core/hostname.h"
#include "tls/answers.h"
#include "tls/client_hello.h"
#include "tls/client_verifier.h"
#include "tls/identity.h"
#include "tls/layer.h"
#include "tls/name_table.h"
#include "tls/tickets.h"
#include "tls/tls.h"
#include "tls/verification.h"
#include "tls/wire.h"

#define PATH_BYTES_MAX   4096
#define SECURE_HEAP_SIZE (64u << 20) // address space only; pages are used as keys come
#define SECURE_HEAP_UNIT 64

// Handshakes begin with `first`, which has no certificate, and change to the answer for their name in the ClientHello callback.
struct tls_server {
    struct identity **identities; // usable ones, those of sites first
    size_t identity_count;
    struct name_table names;
    struct answers *answers;
    SSL_CTX *first;
    const struct identity *fallback[KEY_KINDS]; // for names that nobody has
    bool has_fallback;                          // else they are refused
    struct client_verifier **verifiers;         // by the number of their rules; at least one
    size_t verifier_count;
    size_t (*rules_of)(const void *arg, struct slice name); // NULL: number 0
    const void *rules_arg;
    BIO_METHOD *wire_method;
    struct tickets *tickets; // NULL: none
    bool logs_notes;
};

static void load_identities(struct tls_server *t, struct files *files,
                            const struct tls_server_conf *conf, struct text *problems);
static void load_directory(struct tls_server *t, struct files *files,
                           const struct tls_server_conf *conf, struct text *problems);
static void load_one(struct tls_server *t, struct files *files,
                     const struct tls_identity_conf *conf, struct text *problems);
static bool is_named_by_site(const struct tls_server_conf *conf, const char *path);
static void load_verifiers(struct tls_server *t, struct files *files,
                           const struct tls_server_conf *conf, struct text *problems);
static void choose_fallback(struct tls_server *t, const struct tls_server_conf *conf,
                            struct text *problems);
static int on_client_hello(SSL *ssl, int *alert, void *arg);
static int answer_by(struct tls_server *t, SSL *ssl, int *alert,
                     const struct identity *const identities[KEY_KINDS], struct slice host);
static void bind_sessions(SSL *ssl, struct slice name, const struct client_verifier *verifier);

struct tls_server *tls_server_new(struct files *files, const struct tls_server_conf *conf,
                                  struct text *problems) {
    struct tls_server *t = calloc(1, sizeof *t);
    CHECK(t);
    // Private keys live in memory of their own, which core dumps leave out.
    if (!CRYPTO_secure_malloc_initialized())
        CRYPTO_secure_malloc_init(SECURE_HEAP_SIZE, SECURE_HEAP_UNIT);
    t->logs_notes = conf->logs_notes;
    t->wire_method = wire_method_new();
    t->tickets = conf->has_tickets ? tickets_new(conf->ticket_keys) : NULL;
    t->answers = answers_new(conf->profile, t->tickets);
    load_identities(t, files, conf, problems);
    if (conf->certificates && *conf->certificates) load_directory(t, files, conf, problems);
    load_verifiers(t, files, conf, problems);
    t->first = answers_new_settings(t->answers);
    SSL_CTX_set_client_hello_cb(t->first, on_client_hello, t);
    if (!conf->strict_sni) choose_fallback(t, conf, problems);
    return t;
}

void tls_server_free(struct tls_server *t) {
    if (!t) return;
    answers_free(t->answers);
    SSL_CTX_free(t->first);
    for (size_t i = 0; i < t->verifier_count; i++) client_verifier_free(t->verifiers[i]);
    free(t->verifiers);
    name_table_fini(&t->names);
    for (size_t i = 0; i < t->identity_count; i++) {
        identity_fini(t->identities[i]);
        free(t->identities[i]);
    }
    free(t->identities);
    tickets_free(t->tickets);
    BIO_meth_free(t->wire_method);
    free(t);
}

bool tls_server_has_name(const struct tls_server *t, struct slice host) {
    const struct name_entry *e = name_table_find(&t->names, host);
    return e && name_entry_is_usable(e);
}

size_t tls_server_count(const struct tls_server *t) {
    return t->identity_count;
}

void tls_accept(struct tls_server *t, struct stream *s) {
    SSL *ssl = SSL_new(t->first);
    CHECK(ssl);
    SSL_set_accept_state(ssl);
    stream_add_layer(s, &tls_layer_ops, tls_layer_new(ssl, t->wire_method));
}

// --- certificates and their names ---

static void load_identities(struct tls_server *t, struct files *files,
                            const struct tls_server_conf *conf, struct text *problems) {
    for (size_t i = 0; i < conf->identity_count; i++)
        load_one(t, files, &conf->identities[i], problems);
}

static void load_directory(struct tls_server *t, struct files *files,
                           const struct tls_server_conf *conf, struct text *problems) {
    char pattern[PATH_BYTES_MAX];
    tls_directory_pattern(conf->certificates, pattern, sizeof pattern);
    const char *const *paths = NULL;
    size_t count = files_glob(files, pattern, &paths);
    if (count == 0)
        text_printf(problems, "%s%s: %s; put each certificate with its key and chain there\n",
                    conf->label ? conf->label : "", conf->certificates,
                    access(conf->certificates, R_OK | X_OK) == 0 ? "no *.pem file in it"
                                                                 : strerror(errno));
    for (size_t i = 0; i < count; i++) {
        if (is_named_by_site(conf, paths[i])) continue;
        load_one(t, files,
                 &(struct tls_identity_conf){
                     .cert = paths[i], .chains = conf->chains, .label = conf->label},
                 problems);
    }
}

void tls_directory_pattern(const char *directory, char *out, size_t max) {
    size_t len = strlen(directory);
    const char *slash = len > 0 && directory[len - 1] == '/' ? "" : "/";
    snprintf(out, max, "%s%s*.pem", directory, slash);
}

static bool is_named_by_site(const struct tls_server_conf *conf, const char *path) {
    for (size_t i = 0; i < conf->identity_count; i++)
        if (strcmp(conf->identities[i].cert, path) == 0) return true;
    return false;
}

// Claims the names, also those of a certificate that cannot be used: they are refused, not answered by another.
static void load_one(struct tls_server *t, struct files *files,
                     const struct tls_identity_conf *conf, struct text *problems) {
    struct identity *id = calloc(1, sizeof *id);
    CHECK(id);
    bool is_good = identity_load(id, files, conf, problems);
    const struct identity *holder = is_good ? id : NULL;
    for (size_t i = 0; i < id->name_count; i++)
        name_table_claim(&t->names, slice_of(id->names[i]), holder, CLAIM_BY_CERTIFICATE);
    if (conf->site) name_table_claim(&t->names, slice_of(conf->site), holder, CLAIM_BY_SITE);
    if (!is_good) {
        identity_fini(id);
        free(id);
        return;
    }
    struct identity **grown = realloc(t->identities, (t->identity_count + 1) * sizeof *grown);
    CHECK(grown);
    t->identities = grown;
    t->identities[t->identity_count++] = id;
    if (t->logs_notes) identity_log_notes(id);
}

static void load_verifiers(struct tls_server *t, struct files *files,
                           const struct tls_server_conf *conf, struct text *problems) {
    static const struct tls_client_rules nothing = {.asks = TLS_ASKS_NOTHING};
    size_t count = conf->client_rules_count;
    t->verifier_count = count > 0 ? count : 1;
    t->verifiers = calloc(t->verifier_count, sizeof *t->verifiers);
    CHECK(t->verifiers);
    for (size_t i = 0; i < t->verifier_count; i++)
        t->verifiers[i] =
            client_verifier_new(files, count > 0 ? &conf->client_rules[i] : &nothing, problems);
    t->rules_of = conf->rules_of;
    t->rules_arg = conf->rules_arg;
}

// For clients without SNI and names that no certificate has.
static void choose_fallback(struct tls_server *t, const struct tls_server_conf *conf,
                            struct text *problems) {
    if (conf->default_name) {
        const struct name_entry *e = name_table_find(&t->names, slice_of(conf->default_name));
        t->has_fallback = e && name_entry_is_usable(e);
        if (t->has_fallback) {
            memcpy(t->fallback, e->identities, sizeof t->fallback);
            return;
        }
        text_printf(
            problems,
            "%sno usable certificate has the default name \"%s\"; names without a certificate "
            "are refused\n",
            conf->label ? conf->label : "", conf->default_name);
    } else if (t->identity_count > 0) {
        const struct identity *id = t->identities[0];
        const struct name_entry *e =
            id->name_count > 0 ? name_table_find(&t->names, slice_of(id->names[0])) : NULL;
        t->has_fallback = true;
        t->fallback[id->kind] = id;
        if (e && e->identities[id->kind] == id)
            memcpy(t->fallback, e->identities, sizeof t->fallback);
    }
}

// --- the ClientHello ---

static int on_client_hello(SSL *ssl, int *alert, void *arg) {
    struct tls_server *t = arg;
    struct slice sent;
    char name[HOSTNAME_MAX + 1];
    if (!client_hello_read_name(ssl, &sent))
        return client_hello_refuse(ssl, alert, SSL_AD_DECODE_ERROR, sent);
    size_t len = sent.len > 0 ? hostname_normalise(sent, name) : 0;
    struct slice host = {name, len};
    if (len == 0 && sent.len > 0)
        return client_hello_refuse(ssl, alert, SSL_AD_UNRECOGNIZED_NAME, sent);
    const struct name_entry *e = name_table_find(&t->names, host);
    bool has_answer = e ? name_entry_is_usable(e) : t->has_fallback;
    if (!has_answer) return client_hello_refuse(ssl, alert, SSL_AD_UNRECOGNIZED_NAME, host);
    return answer_by(t, ssl, alert, e ? e->identities : t->fallback, host);
}

static int answer_by(struct tls_server *t, SSL *ssl, int *alert,
                     const struct identity *const identities[KEY_KINDS], struct slice host) {
    struct tls_layer *l = tls_layer_of(ssl);
    size_t rules = t->rules_of ? t->rules_of(t->rules_arg, host) : 0;
    CHECK(rules < t->verifier_count);
    const struct client_verifier *verifier = t->verifiers[rules];
    if (!client_verifier_is_usable(verifier)) {
        tls_layer_explain(l, "TLS: the files of this site's client rules cannot be used");
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    tls_layer_set_name(l, host);
    tls_layer_set_rules(l, rules);
    bind_sessions(ssl, host, verifier);
    SSL_CTX *answer = answers_get(t->answers, identities, verifier);
    if (!SSL_set_SSL_CTX(ssl, answer)) return SSL_CLIENT_HELLO_ERROR;
    verification_apply(ssl, answer);
    return SSL_CLIENT_HELLO_SUCCESS;
}

// A ticket is good for the name that it was made for and under the rules for clients that held then (CVE-2025-23419).
static void bind_sessions(SSL *ssl, struct slice name, const struct client_verifier *verifier) {
    unsigned char bound[HOSTNAME_MAX + CLIENT_VERIFIER_ID_BYTES], id[SHA256_DIGEST_LENGTH];
    CHECK(name.len <= HOSTNAME_MAX);
    memcpy(bound, client_verifier_id(verifier), CLIENT_VERIFIER_ID_BYTES);
    if (name.len > 0) memcpy(bound + CLIENT_VERIFIER_ID_BYTES, name.at, name.len);
    SHA256(bound, CLIENT_VERIFIER_ID_BYTES + name.len, id);
    CHECK(SSL_set_session_id_context(ssl, id, sizeof id) == 1);
}
