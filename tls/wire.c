// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/wire.h"

#include "core/buffer.h"
#include "core/check.h"

static int take_bytes(BIO *bio, char *into, size_t max, size_t *taken);
static int add_bytes(BIO *bio, const char *bytes, size_t len, size_t *added);
static long control(BIO *bio, int command, long number, void *pointer);

BIO_METHOD *wire_method_new(void) {
    int type = BIO_get_new_index();
    BIO_METHOD *method = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "rsp wire");
    CHECK(method && BIO_meth_set_read_ex(method, take_bytes) &&
          BIO_meth_set_write_ex(method, add_bytes) && BIO_meth_set_ctrl(method, control));
    return method;
}

BIO *wire_bio_new(const BIO_METHOD *method, struct wire *wire) {
    BIO *bio = BIO_new(method);
    CHECK(bio);
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    return bio;
}

static int take_bytes(BIO *bio, char *into, size_t max, size_t *taken) {
    struct wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *taken = 0;
    while (w->in && !w->is_stopped && *taken < max) {
        struct slice run = buffer_peek(w->in);
        if (run.len == 0) break;
        size_t n = run.len < max - *taken ? run.len : max - *taken;
        memcpy(into + *taken, run.at, n);
        buffer_consume(w->in, n);
        *taken += n;
    }
    w->bytes_in += *taken;
    if (*taken > 0 || max == 0) return 1;
    BIO_set_retry_read(bio);
    return 0;
}

static int add_bytes(BIO *bio, const char *bytes, size_t len, size_t *added) {
    struct wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    CHECK(w->out);
    buffer_add(w->out, (struct slice){bytes, len});
    *added = len;
    return 1;
}

// OpenSSL flushes after each flight and asks for nothing else that matters here.
static long control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}
