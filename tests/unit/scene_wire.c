// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/scene_wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "core/text.h"
#include "tls/tls.h"

static SSL_CTX *settings(enum wire_tls tls);
static void use_certificate(SSL_CTX *server);
static ssize_t result(struct wire *w, int n);

void wire_open(struct wire *w, int fd, enum wire_tls tls) {
    *w = (struct wire){.fd = fd};
    if (tls == WIRE_PLAIN) return;
    w->ssl = SSL_new(settings(tls));
    CHECK(w->ssl && SSL_set_fd(w->ssl, fd) == 1);
    if (tls == WIRE_TLS_CLIENT) {
        SSL_set_tlsext_host_name(w->ssl, "scene.example");
        SSL_set_connect_state(w->ssl);
    } else {
        SSL_set_accept_state(w->ssl);
    }
}

bool wire_is_ready(struct wire *w) {
    if (!w->ssl) return true;
    ERR_clear_error();
    return SSL_do_handshake(w->ssl) == 1;
}

ssize_t wire_read(struct wire *w, char *to, size_t max) {
    if (w->ssl) {
        ERR_clear_error();
        errno = 0;
        return result(w, SSL_read(w->ssl, to, (int)max));
    }
    ssize_t n = recv(w->fd, to, max, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    return n > 0 ? n : -1;
}

ssize_t wire_write(struct wire *w, struct slice bytes) {
    if (w->ssl) {
        ERR_clear_error();
        errno = 0;
        return result(w, SSL_write(w->ssl, bytes.at, (int)bytes.len));
    }
    ssize_t n = send(w->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    return n < 0 && errno == EAGAIN ? 0 : n;
}

void wire_end(struct wire *w) {
    if (w->ssl) SSL_shutdown(w->ssl);
    shutdown(w->fd, SHUT_WR);
}

void wire_close(struct wire *w) {
    if (w->fd < 0) return;
    SSL_free(w->ssl);
    close(w->fd);
    *w = (struct wire){.fd = -1};
}

void wire_reset(struct wire *w) {
    struct linger at_once = {.l_onoff = 1};
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    wire_close(w);
}

const char *wire_certificate(void) {
    static struct text pem;
    const char *name = "scene.example";
    if (pem.len == 0) {
        text_init(&pem, 1 << 16);
        CHECK(tls_self_signed(&name, 1, &pem));
    }
    return text_string(&pem);
}

static ssize_t result(struct wire *w, int n) {
    if (n > 0) return n;
    int error = SSL_get_error(w->ssl, n);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static SSL_CTX *settings(enum wire_tls tls) {
    static SSL_CTX *both[2];
    bool is_server = tls == WIRE_TLS_SERVER;
    if (both[is_server]) return both[is_server];
    SSL_CTX *made = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    CHECK(made);
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (is_server) use_certificate(made);
    return both[is_server] = made;
}

static void use_certificate(SSL_CTX *server) {
    BIO *pem = BIO_new_mem_buf(wire_certificate(), -1);
    X509 *cert = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    CHECK(BIO_reset(pem) == 1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
    CHECK(SSL_CTX_use_certificate(server, cert) == 1 && SSL_CTX_use_PrivateKey(server, key) == 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(pem);
}
