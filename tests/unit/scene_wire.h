// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/slice.h"

// One end of a connection on the stage: a non-blocking socket, plain or with OpenSSL's own TLS on it (not rsp's code).
struct wire {
    int fd; // -1: closed
    SSL *ssl;
};

enum wire_tls { WIRE_PLAIN, WIRE_TLS_CLIENT, WIRE_TLS_SERVER };

void wire_open(struct wire *w, int fd, enum wire_tls tls);
// Shakes hands as far as that goes; true when bytes can be sent.
bool wire_is_ready(struct wire *w);
// Bytes moved; 0: nothing now; -1: the end or a failure (errno ECONNRESET: a reset).
ssize_t wire_read(struct wire *w, char *to, size_t max);
ssize_t wire_write(struct wire *w, struct slice bytes);
void wire_end(struct wire *w); // no more will be sent; over TLS with close_notify
void wire_close(struct wire *w);
void wire_reset(struct wire *w);

// A certificate for "scene.example" with its key, made once in a process.
const char *wire_certificate(void);
