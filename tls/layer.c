// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/layer.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "core/buffer.h"
#include "core/check.h"
#include "core/clock.h"
#include "tls/peer_certificate.h"
#include "tls/reason.h"
#include "tls/tls.h"
#include "tls/wire.h"

// A peer may send this many handshake messages after the handshake (KeyUpdate, attempts to renegotiate, tickets),
// and one more for each LATE_MESSAGE_BYTES that came: each costs us more than it costs the peer.
#define LATE_MESSAGES_MAX  64
#define LATE_MESSAGE_BYTES (256u << 10)

#define READ_ROOM_MIN 256
#define READ_ROOM_MAX (64u << 10)
#define GATHER_RUNS   64
#define WHY_BYTES_MAX 1000

struct tls_layer {
    SSL *ssl;
    struct wire wire;
    enum layer_state state;
    bool has_heard_http;
    unsigned late_messages;
    size_t burst_bytes; // written since the last idle time
    uint64_t last_write_ms;
    int bits;                      // of the path to the peer's certificate
    size_t client_rules;           // a number
    char *name;                    // NULL: none
    char *why;                     // NULL: not known
    struct peer_certificate *peer; // NULL: not asked for, or none
};

static enum layer_state advance(void *arg, struct layer_io *io);
static void shut(void *arg, struct layer_io *io);
static const char *failure(void *arg);
static void free_layer(void *arg);
static void shake_hands(struct tls_layer *l, const struct layer_io *io);
static void read_records(struct tls_layer *l, const struct layer_io *io);
static size_t fill(struct tls_layer *l, char *room, size_t bytes);
static void note_read_result(struct tls_layer *l, int result);
static void write_records(struct tls_layer *l, const struct layer_io *io);
static struct slice next_record(const struct buffer *plain, size_t max, char *scratch);
static size_t record_bytes(struct tls_layer *l);
static void on_message(int is_sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
                       void *arg);
static void fail(struct tls_layer *l);

const struct layer_ops tls_layer_ops = {advance, shut, failure, free_layer};

struct tls_layer *tls_layer_new(SSL *ssl, const BIO_METHOD *wire_method) {
    struct tls_layer *l = calloc(1, sizeof *l);
    CHECK(l && ssl);
    l->ssl = ssl;
    l->state = LAYER_HANDSHAKE;
    BIO *bio = wire_bio_new(wire_method, &l->wire);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, l);
    return l;
}

SSL *tls_layer_ssl(const struct tls_layer *l) {
    return l->ssl;
}

struct tls_layer *tls_layer_of(const SSL *ssl) {
    return SSL_get_app_data(ssl);
}

void tls_layer_set_name(struct tls_layer *l, struct slice name) {
    free(l->name);
    l->name = name.len > 0 ? strndup(name.at, name.len) : NULL;
    CHECK(l->name || name.len == 0);
}

struct slice tls_layer_name(const struct tls_layer *l) {
    return slice_of(l->name);
}

void tls_layer_set_bits(struct tls_layer *l, int bits) {
    l->bits = bits;
}

int tls_layer_bits(const struct tls_layer *l) {
    return l->bits;
}

void tls_layer_set_rules(struct tls_layer *l, size_t number) {
    l->client_rules = number;
}

void tls_layer_explain(struct tls_layer *l, const char *why) {
    if (l->why) return;
    l->why = strdup(why);
    CHECK(l->why);
}

static enum layer_state advance(void *arg, struct layer_io *io) {
    struct tls_layer *l = arg;
    if (l->state == LAYER_FAILED) return l->state;
    l->wire.in = io->wire_in;
    l->wire.out = io->wire_out;
    if (ERR_peek_error()) ERR_clear_error(); // SSL_get_error() is only right with an empty queue
    if (l->state == LAYER_HANDSHAKE) shake_hands(l, io);
    if (l->state == LAYER_OPEN) read_records(l, io);
    if (l->state == LAYER_OPEN || l->state == LAYER_ENDED) write_records(l, io);
    l->wire.in = l->wire.out = NULL;
    return l->state;
}

// Puts close_notify into the wire. Before the end of the handshake there is nothing to close.
static void shut(void *arg, struct layer_io *io) {
    struct tls_layer *l = arg;
    if (l->state != LAYER_OPEN && l->state != LAYER_ENDED) return;
    l->wire.out = io->wire_out;
    SSL_shutdown(l->ssl);
    ERR_clear_error();
    l->wire.out = NULL;
}

static const char *failure(void *arg) {
    const struct tls_layer *l = arg;
    return l->why ? l->why : "TLS: no failure";
}

static void free_layer(void *arg) {
    struct tls_layer *l = arg;
    // OpenSSL spoils the session of a connection that ends without close_notify; only a failed one deserves that.
    if (l->state == LAYER_OPEN || l->state == LAYER_ENDED)
        SSL_set_shutdown(l->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    peer_certificate_free(l->peer);
    SSL_free(l->ssl);
    free(l->name);
    free(l->why);
    free(l);
}

static void shake_hands(struct tls_layer *l, const struct layer_io *io) {
    int result = SSL_do_handshake(l->ssl);
    if (result == 1) {
        l->state = LAYER_OPEN;
        SSL_set_msg_callback(l->ssl, on_message);
        SSL_set_msg_callback_arg(l->ssl, l);
        return;
    }
    if (SSL_get_error(l->ssl, result) != SSL_ERROR_WANT_READ) {
        fail(l);
        return;
    }
    if (!io->wire_ended || buffer_len(io->wire_in) > 0) return;
    tls_layer_explain(l, "TLS: the connection ended during the handshake");
    fail(l);
}

// A record that was begun is always read to its end, so that nothing but a piece of a record can be left inside
// OpenSSL; plain_in may therefore hold up to one record more than its maximum.
static void read_records(struct tls_layer *l, const struct layer_io *io) {
    while (l->state == LAYER_OPEN) {
        size_t rest = (size_t)SSL_pending(l->ssl);
        size_t waiting = buffer_len(io->wire_in);
        if (rest == 0 && (waiting == 0 || buffer_len(io->plain_in) >= io->plain_in_max)) break;
        size_t wanted = rest;
        if (rest == 0) {
            size_t allowed = io->plain_in_max - buffer_len(io->plain_in);
            wanted = waiting < allowed ? waiting : allowed;
        }
        if (wanted > READ_ROOM_MAX) wanted = READ_ROOM_MAX;
        size_t room = 0;
        char *at = buffer_reserve(io->plain_in, wanted, wanted, &room);
        size_t n = fill(l, at, wanted);
        buffer_commit(io->plain_in, n);
        if (n == 0) break;
    }
}

// Reads records into the room until it is full or nothing more can be read.
static size_t fill(struct tls_layer *l, char *room, size_t bytes) {
    size_t used = 0;
    while (used < bytes) {
        size_t n = 0;
        int result = SSL_read_ex(l->ssl, room + used, bytes - used, &n);
        if (result != 1) {
            note_read_result(l, result);
            break;
        }
        used += n;
        if (SSL_pending(l->ssl) == 0 && buffer_len(l->wire.in) == 0) break; // saves a call in vain
    }
    return used;
}

static void note_read_result(struct tls_layer *l, int result) {
    switch (SSL_get_error(l->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        if (!l->wire.is_stopped) return;
        tls_layer_explain(l, "TLS: the peer sent too many handshake messages (KeyUpdate or "
                             "renegotiation) after the handshake");
        break;
    case SSL_ERROR_ZERO_RETURN: l->state = LAYER_ENDED; return;
    default: break;
    }
    fail(l);
}

static void write_records(struct tls_layer *l, const struct layer_io *io) {
    char scratch[TLS_RECORD_BYTES];
    while (buffer_len(io->plain_out) > 0) {
        struct slice record = next_record(io->plain_out, record_bytes(l), scratch);
        size_t n = 0;
        if (SSL_write_ex(l->ssl, record.at, record.len, &n) != 1) {
            fail(l);
            return;
        }
        buffer_consume(io->plain_out, n);
        l->burst_bytes += n;
    }
}

// The first `max` bytes at most: in place when they are contiguous, else gathered in scratch.
static struct slice next_record(const struct buffer *plain, size_t max, char *scratch) {
    struct slice runs[GATHER_RUNS];
    size_t count = buffer_runs(plain, runs, GATHER_RUNS);
    if (runs[0].len > max) runs[0].len = max;
    if (count == 1 || runs[0].len == max) return runs[0];
    size_t used = 0;
    for (size_t i = 0; i < count && used < max; i++) {
        size_t n = runs[i].len < max - used ? runs[i].len : max - used;
        memcpy(scratch + used, runs[i].at, n);
        used += n;
    }
    return (struct slice){scratch, used};
}

// The first records after a silence are small: the peer can use each as soon as its one segment is there.
static size_t record_bytes(struct tls_layer *l) {
    uint64_t now = clock_ms();
    if (now - l->last_write_ms > TLS_IDLE_MS) l->burst_bytes = 0;
    l->last_write_ms = now;
    return l->burst_bytes < TLS_SMALL_UNTIL_BYTES ? TLS_FIRST_RECORD_BYTES : TLS_RECORD_BYTES;
}

static void on_message(int is_sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
                       void *arg) {
    struct tls_layer *l = arg;
    (void)version, (void)bytes, (void)len, (void)ssl;
    if (is_sent || type != SSL3_RT_HANDSHAKE) return;
    l->late_messages++;
    if (l->late_messages > LATE_MESSAGES_MAX + l->wire.bytes_in / LATE_MESSAGE_BYTES)
        l->wire.is_stopped = true;
}

// OpenSSL has put its alert, if any, into the wire by now.
static void fail(struct tls_layer *l) {
    l->state = LAYER_FAILED;
    l->has_heard_http = reason_is_http();
    struct text words;
    text_init(&words, WHY_BYTES_MAX);
    reason_take(&words);
    tls_layer_explain(l, text_string(&words));
    text_fini(&words);
}

// --- what was agreed ---

const char *tls_version(const struct stream *s) {
    const struct tls_layer *l = stream_layer(s);
    return l ? SSL_get_version(l->ssl) : "-";
}

const char *tls_cipher(const struct stream *s) {
    const struct tls_layer *l = stream_layer(s);
    return l ? SSL_get_cipher_name(l->ssl) : "-";
}

struct slice tls_name(const struct stream *s) {
    const struct tls_layer *l = stream_layer(s);
    return l ? tls_layer_name(l) : (struct slice){NULL, 0};
}

size_t tls_client_rules_of(const struct stream *s) {
    const struct tls_layer *l = stream_layer(s);
    return l ? l->client_rules : 0;
}

bool tls_has_refused(const struct stream *s) {
    const struct tls_layer *l = stream_layer(s);
    return l && SSL_get_verify_result(l->ssl) != X509_V_OK;
}

bool tls_has_heard_http(const struct stream *s) {
    const struct tls_layer *l = stream_layer(s);
    return l && l->has_heard_http;
}

bool tls_has_certificate(const struct stream *s) {
    const struct tls_layer *l = stream_layer(s);
    return l && SSL_get0_peer_certificate(l->ssl) != NULL;
}

static struct peer_certificate *peer_of(const struct stream *s) {
    struct tls_layer *l = stream_layer(s);
    if (!l) return NULL;
    if (!l->peer) l->peer = peer_certificate_new(l->ssl, l->bits);
    return l->peer;
}

const struct tls_peer *tls_peer(const struct stream *s) {
    const struct peer_certificate *p = peer_of(s);
    return p ? peer_certificate_words(p) : NULL;
}

struct slice tls_peer_field(const struct stream *s, bool is_chain) {
    struct peer_certificate *p = peer_of(s);
    return p ? peer_certificate_field(p, is_chain) : (struct slice){NULL, 0};
}

bool tls_is_resumed(const struct stream *s) {
    const struct tls_layer *l = stream_layer(s);
    return l && SSL_session_reused(l->ssl) == 1;
}
