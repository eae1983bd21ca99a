// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdint.h>

#include "core/address.h"
#include "core/loop.h"
#include "core/ring.h"
#include "core/slice.h"

// The access log: the combined format first, then key=value (HTTP-RULES, last lines). Lines are gathered and written in one
// write(2) at the end of the turn, or, with a buffer, when it is full or a second old.
struct access_log;

// fd is borrowed; -1: off. Lines that the disk does not take are dropped and counted, never waited for.
struct access_log *access_log_new(struct loop *loop, int fd);
void access_log_free(struct access_log *l);
void access_log_set_fd(struct access_log *l,
                       int fd); // reopened; what was gathered goes to the old one

// How many bytes of lines wait for each other; 0 (as it begins): those of a turn. A worker that is killed
// loses what waits.
void access_log_set_buffer(struct access_log *l, size_t bytes);

// Every line goes there too while its reader wants them, also when the log is off. Borrowed.
void access_log_set_ring(struct access_log *l, struct ring *ring);

// One finished exchange. Empty slices are written as "-". Times in microseconds; UINT64_MAX: did not happen ("-").
struct access_entry {
    const char *client_ip;
    struct slice method, target; // as received; control bytes and quotes are escaped in the line
    int minor_version;
    int status;          // 0: none was sent ("000")
    uint64_t body_bytes; // of the answer, sent to the client
    struct slice referer, user_agent;
    struct slice host, site, pool, backend;
    uint64_t read_us, queue_us, connect_us, first_byte_us, total_us;
    unsigned tries;
    uint64_t bytes_in, bytes_out; // on the client's wire, bodies as framed
    const char *reason;           // name of a row of fails.def; "-" when all went well
    const char *tls;              // "TLSv1.3"; "-" when plain
    struct slice
        certificate;      // the client's, its subject; empty: none, and nothing is written of it
    int certificate_bits; // of the weakest signature of its path
    unsigned certificate_path; // in certificates
    struct slice request_id;
};
void access_log_write(struct access_log *l, const struct access_entry *e);
