// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/address.h"
#include "core/check.h"
#include "tls/authorities.h"
#include "tls/chain/verdict.h"
#include "tls/layer.h"
#include "tls/profile.h"
#include "tls/reason.h"
#include "tls/tls.h"
#include "tls/verification.h"
#include "tls/wire.h"

// Sessions are kept in a table that maps a name to one place; a newer one drives out what stands there.
#define SESSION_PLACES     1024
#define PROBLEMS_BYTES_MAX 16000

static const struct narrow_rules backend_rules = {.purpose = CHAIN_SERVER, .intermediates_max = -1};

struct kept_session {
    char *name; // NULL: empty
    SSL_SESSION *session;
};
struct tls_client {
    SSL_CTX *settings;
    BIO_METHOD *wire_method;
    struct kept_session sessions[SESSION_PLACES];
};

static bool load_trust(struct tls_client *t, struct files *files,
                       const struct tls_client_conf *conf, struct text *problems);
static void set_name(SSL *ssl, const char *name);
static int on_new_session(SSL *ssl, SSL_SESSION *session);
static struct kept_session *place_of(struct tls_client *t, const char *name);

struct tls_client *tls_client_new(struct files *files, const struct tls_client_conf *conf,
                                  struct text *problems) {
    struct tls_client *t = calloc(1, sizeof *t);
    CHECK(t);
    t->wire_method = wire_method_new();
    t->settings = profile_new(NULL, TLS_client_method());
    SSL_CTX_set_app_data(t->settings, t);
    SSL_CTX_set_session_cache_mode(t->settings, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(t->settings, on_new_session);
    CHECK(SSL_CTX_set_alpn_protos(t->settings, (const unsigned char *)"\x08http/1.1", 9) == 0);
    struct text said;
    text_init(&said, PROBLEMS_BYTES_MAX);
    bool is_good = !conf->verifies || load_trust(t, files, conf, &said);
    text_add_lines(problems, conf->label, text_slice(&said));
    text_fini(&said);
    if (is_good) return t;
    tls_client_free(t);
    return NULL;
}

void tls_client_free(struct tls_client *t) {
    if (!t) return;
    for (size_t i = 0; i < SESSION_PLACES; i++) {
        free(t->sessions[i].name);
        SSL_SESSION_free(t->sessions[i].session);
    }
    SSL_CTX_free(t->settings);
    BIO_meth_free(t->wire_method);
    free(t);
}

void tls_connect(struct tls_client *t, struct stream *s, const char *name) {
    SSL *ssl = SSL_new(t->settings);
    CHECK(ssl);
    SSL_set_connect_state(ssl);
    struct tls_layer *l = tls_layer_new(ssl, t->wire_method);
    tls_layer_set_name(l, slice_of(name));
    set_name(ssl, name);
    const struct kept_session *kept = place_of(t, name);
    if (kept->name && strcmp(kept->name, name) == 0) SSL_set_session(ssl, kept->session);
    stream_add_layer(s, &tls_layer_ops, l);
}

static bool load_trust(struct tls_client *t, struct files *files,
                       const struct tls_client_conf *conf, struct text *problems) {
    verification_attach(t->settings, SSL_VERIFY_PEER, &backend_rules);
    verdict_know_issuers_by_key(SSL_CTX_get_cert_store(t->settings));
    if (conf->ca_file)
        return authorities_load(SSL_CTX_get_cert_store(t->settings), files, conf->ca_file,
                                problems);
    if (SSL_CTX_set_default_verify_paths(t->settings) == 1) return true;
    text_add(problems, SLICE("the system's store of CA certificates cannot be read ("));
    reason_take_plain(problems);
    text_add(problems, SLICE("); install ca-certificates or name a CA file\n"));
    return false;
}

// SNI is for host names only (RFC 6066 section 3); an address is compared with the certificate's addresses.
static void set_name(SSL *ssl, const char *name) {
    struct address unused;
    if (address_parse_ip(slice_of(name), 0, &unused)) {
        CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1);
        return;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    CHECK(SSL_set1_host(ssl, name) == 1);
    CHECK(SSL_set_tlsext_host_name(ssl, name) == 1);
}

static int on_new_session(SSL *ssl, SSL_SESSION *session) {
    struct tls_client *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct slice name = tls_layer_name(tls_layer_of(ssl));
    if (name.len == 0) return 0;
    struct kept_session *kept = place_of(t, name.at);
    if (!kept->name || strcmp(kept->name, name.at) != 0) {
        free(kept->name);
        kept->name = strdup(name.at);
        CHECK(kept->name);
    }
    SSL_SESSION_free(kept->session);
    kept->session = session;
    return 1; // the reference is ours now
}

static struct kept_session *place_of(struct tls_client *t, const char *name) {
    uint32_t h = 2166136261u;
    for (const char *c = name; *c; c++) h = (h ^ (unsigned char)*c) * 16777619u;
    return &t->sessions[(h ^ h >> 16) % SESSION_PLACES];
}
