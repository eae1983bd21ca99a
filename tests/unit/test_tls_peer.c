// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/test_tls_peer.h"

#include <openssl/err.h>

#include "core/check.h"

static void send_output(struct peer *p);
static void take_input(struct peer *p);

struct peer peer_new(struct loop *loop, struct tls_server *server, const char *name) {
    struct peer p = {.loop = loop, .step = SIZE_MAX, .cut_after = SIZE_MAX};
    struct stream *pair[2];
    stream_pair(loop, pair);
    p.wire = pair[0];
    p.ours = pair[1];
    tls_accept(server, p.ours);
    p.settings = SSL_CTX_new(TLS_client_method());
    p.ssl = SSL_new(p.settings);
    p.in = BIO_new(BIO_s_mem());
    p.out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(p.in, -1);
    SSL_set_bio(p.ssl, p.in, p.out);
    SSL_set_connect_state(p.ssl);
    if (name) CHECK(SSL_set_tlsext_host_name(p.ssl, name) == 1);
    return p;
}

void peer_drop(struct peer *p) {
    SSL_free(p->ssl);
    SSL_CTX_free(p->settings);
    if (p->wire) stream_free(p->wire);
    if (p->ours) stream_free(p->ours);
    loop_turn(p->loop, 0);
}

void peer_move(struct peer *p) {
    send_output(p);
    loop_turn(p->loop, 1);
    take_input(p);
}

bool peer_shake(struct peer *p) {
    bool is_done = false;
    for (int turns = 0; turns < 5000; turns++) {
        if (!is_done) {
            ERR_clear_error();
            p->result = SSL_do_handshake(p->ssl);
            p->error = SSL_get_error(p->ssl, p->result);
            is_done = p->result == 1 || p->error != SSL_ERROR_WANT_READ;
        }
        peer_move(p);
        enum progress ours = stream_handshake(p->ours);
        if (is_done && p->result == 1 && ours == READY) return true;
        if (ours == BROKEN && (is_done || stream_end(p->wire) != STREAM_OPEN)) {
            if (!is_done) SSL_do_handshake(p->ssl); // reads our alert
            return false;
        }
        if (is_done && p->result != 1 && ours != PENDING) return false;
    }
    return false;
}

const char *peer_reason(void) {
    const char *words = ERR_reason_error_string(ERR_peek_error());
    return words ? words : "";
}

void peer_cert_name(const struct peer *p, char out[200]) {
    X509 *cert = SSL_get1_peer_certificate(p->ssl);
    out[0] = '\0';
    if (cert) X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, 200);
    X509_free(cert);
}

static void send_output(struct peer *p) {
    char bytes[4096];
    size_t left = p->step;
    while (p->wire && left > 0 && stream_backlog(p->wire) < 65536) {
        int n = BIO_read(p->out, bytes, left < sizeof bytes ? (int)left : (int)sizeof bytes);
        if (n <= 0) break;
        size_t room = p->cut_after - p->sent;
        size_t len = (size_t)n < room ? (size_t)n : room;
        stream_write(p->wire, (struct slice){bytes, len});
        p->sent += len;
        left -= (size_t)n;
    }
}

static void take_input(struct peer *p) {
    while (p->wire && stream_input_len(p->wire) > 0) {
        struct slice run = stream_peek(p->wire);
        CHECK(BIO_write(p->in, run.at, (int)run.len) == (int)run.len);
        stream_consume(p->wire, run.len);
    }
}
