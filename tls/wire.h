// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/bio.h>
#include <stdbool.h>
#include <stdint.h>

struct buffer;

// An OpenSSL BIO over the two wire buffers of a stream. It never blocks and never refuses output: when there is no
// input it says "again later", also at the end of file (which is the stream's business, not OpenSSL's).
struct wire {
    struct buffer *in, *out; // borrowed; set for the length of one call into the layer
    uint64_t bytes_in;       // taken from `in` so far
    bool is_stopped;         // give OpenSSL no more input, whatever `in` holds
};

// One for each server or client object; freed with BIO_meth_free() after all BIOs made from it.
BIO_METHOD *wire_method_new(void);
// The wire must outlive the BIO.
BIO *wire_bio_new(const BIO_METHOD *method, struct wire *wire);
