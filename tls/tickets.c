// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "tls/ticket_note.h"
#include "tls/tls.h"

#define KEYS     3
#define NAME_LEN 16 // OpenSSL's ticket format
#define IV_LEN   16

struct ticket_key {
    unsigned char name[NAME_LEN];
    unsigned char cipher_key[32]; // AES-256-CBC
    unsigned char mac_key[32];    // HMAC-SHA-256
};

// What the processes share. One writer (control); `version` is odd while it writes, and a reader
// that saw it odd or changed reads again.
struct ticket_area {
    atomic_uint version;
    struct ticket_key keys[KEYS]; // the newest first
};
_Static_assert(sizeof(struct ticket_area) <= TLS_TICKET_AREA_BYTES, "the area is too small");

struct tickets {
    struct ticket_area *area;
    struct ticket_area *own; // NULL: the area is shared
    EVP_CIPHER *cipher;      // fetched once: a fetch costs more than sealing
};

static void make_key(struct ticket_key *key);
static void write_keys(struct ticket_area *area, const struct ticket_key keys[KEYS]);
static void read_keys(const struct ticket_area *area, struct ticket_key keys[KEYS]);
static int use_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int is_sealing);
static bool seal(const struct tickets *t, const struct ticket_key *key, unsigned char *iv,
                 EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);
static int find_key(const struct ticket_key keys[KEYS], const unsigned char *name);
static bool set_mac(EVP_MAC_CTX *mac, const struct ticket_key *key);

void tls_tickets_init(void *area) {
    struct ticket_key keys[KEYS];
    struct ticket_area *a = area;
    atomic_init(&a->version, 0);
    for (int i = 0; i < KEYS; i++) make_key(&keys[i]);
    write_keys(a, keys);
    OPENSSL_cleanse(keys, sizeof keys);
}

void tls_tickets_rotate(void *area) {
    struct ticket_key keys[KEYS];
    struct ticket_area *a = area;
    memcpy(&keys[1], &a->keys[0], (KEYS - 1) * sizeof *keys);
    make_key(&keys[0]);
    write_keys(a, keys);
    OPENSSL_cleanse(keys, sizeof keys);
}

struct tickets *tickets_new(void *area) {
    struct tickets *t = calloc(1, sizeof *t);
    CHECK(t);
    t->area = area;
    if (!area) {
        t->area = t->own = OPENSSL_secure_zalloc(sizeof *t->own);
        CHECK(t->own);
        tls_tickets_init(t->own);
    }
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    CHECK(t->cipher);
    return t;
}

void tickets_free(struct tickets *t) {
    if (!t) return;
    OPENSSL_secure_clear_free(t->own, sizeof *t->own);
    EVP_CIPHER_free(t->cipher);
    free(t);
}

void tickets_attach(struct tickets *t, SSL_CTX *c) {
    SSL_CTX_set_app_data(c, t);
    SSL_CTX_set_timeout(c, TICKET_LIFETIME_S);
    CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(c, use_key) == 1);
    CHECK(SSL_CTX_set_session_ticket_cb(c, ticket_note_seal, ticket_note_open, NULL) == 1);
}

static void make_key(struct ticket_key *key) {
    CHECK(RAND_bytes(key->name, sizeof key->name) == 1);
    CHECK(RAND_priv_bytes(key->cipher_key, sizeof key->cipher_key) == 1);
    CHECK(RAND_priv_bytes(key->mac_key, sizeof key->mac_key) == 1);
}

static void write_keys(struct ticket_area *area, const struct ticket_key keys[KEYS]) {
    unsigned version = atomic_load_explicit(&area->version, memory_order_relaxed);
    atomic_store_explicit(&area->version, version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    memcpy(area->keys, keys, sizeof area->keys);
    atomic_store_explicit(&area->version, version + 2, memory_order_release);
}

// A writer that died half way leaves the version odd: after some tries we take what is there; a
// torn key only means tickets that nobody can open.
static void read_keys(const struct ticket_area *area, struct ticket_key keys[KEYS]) {
    for (int tries = 0; tries < 1000; tries++) {
        unsigned before = atomic_load_explicit(&area->version, memory_order_acquire);
        memcpy(keys, area->keys, sizeof area->keys);
        atomic_thread_fence(memory_order_acquire);
        unsigned after = atomic_load_explicit(&area->version, memory_order_relaxed);
        if (before == after && before % 2 == 0) return;
    }
}

// OpenSSL's callback. 1: use it; 2: use it and send a new ticket; 0: not ours, a full handshake
// then, or none is to be made; -1: failure. Clients of TLS 1.3 use a ticket once (RFC 8446 appendix
// C.4), so that they always need a new one.
static int use_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int is_sealing) {
    const struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key keys[KEYS];
    read_keys(t->area, keys);
    int result;
    const X509 *client = is_sealing ? SSL_get0_peer_certificate(ssl) : NULL;
    if (client && !ticket_note_has_room(client)) {
        result = 0; // TLS 1.2 then sends an empty one; TLS 1.3 does not come here
    } else if (is_sealing) {
        memcpy(name, keys[0].name, NAME_LEN);
        result = seal(t, &keys[0], iv, cipher, mac) ? 1 : -1;
    } else {
        int i = find_key(keys, name);
        bool is_open = i >= 0 && set_mac(mac, &keys[i]) &&
                       EVP_DecryptInit_ex2(cipher, t->cipher, keys[i].cipher_key, iv, NULL) == 1;
        bool is_renewed = i > 0 || SSL_version(ssl) >= TLS1_3_VERSION;
        result = i < 0 ? 0 : !is_open ? -1 : is_renewed ? 2 : 1;
    }
    OPENSSL_cleanse(keys, sizeof keys);
    return result;
}

static bool seal(const struct tickets *t, const struct ticket_key *key, unsigned char *iv,
                 EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac) {
    return RAND_bytes(iv, IV_LEN) == 1 &&
           EVP_EncryptInit_ex2(cipher, t->cipher, key->cipher_key, iv, NULL) == 1 &&
           set_mac(mac, key);
}

static int find_key(const struct ticket_key keys[KEYS], const unsigned char *name) {
    for (int i = 0; i < KEYS; i++)
        if (memcmp(keys[i].name, name, NAME_LEN) == 0) return i;
    return -1;
}

static bool set_mac(EVP_MAC_CTX *mac, const struct ticket_key *key) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac_key,
                                          sizeof key->mac_key),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}
