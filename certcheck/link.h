// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "core/resolver.h"
#include "core/slice.h"
#include "core/text.h"

// One bounded conversation with a server. core's dial connects; after that every call waits by itself, until the time of the whole
// conversation is over: a tool that asks one server after the other has nothing else to do, and a dialect of STARTTLS then reads like
// its RFC. (The proxy's streams are for ten thousand conversations at once.)

#define LINK_LINE_MAX 2048
#define LINK_IN_MAX   65536 // bytes that a server may say, unless in_max is set

struct link {
    int fd; // non-blocking; -1: not open
    uint64_t end_ms;
    char peer[ADDRESS_TEXT_MAX]; // "192.0.2.1:443"
    char in[LINK_LINE_MAX];      // received
    size_t in_len, in_used;      // of which so much was given out and goes with the next call
    size_t in_total, in_max;
    bool has_ended; // the server closed the connection
};

// All addresses of the name in turn. Each of the functions: false, and one line without newline in `why`.
bool link_open(struct link *l, const char *host, int port, unsigned timeout_ms, struct text *why);
// The addresses of a name, or the one that it is: how many, 0 is a failure.
enum { LINK_ADDRESSES_MAX = 16 };
size_t link_resolve(const char *host, unsigned timeout_ms, struct address out[LINK_ADDRESSES_MAX],
                    struct text *why);
void link_close(struct link *l);
bool link_write(struct link *l, struct slice bytes, struct text *why);
// What is read is valid until the next call. One line up to LF, given without its end:
bool link_read_line(struct link *l, struct slice *line, struct text *why);
// Exactly so many bytes, at most LINK_LINE_MAX:
bool link_read(struct link *l, size_t bytes, struct slice *out, struct text *why);
// Up to the first `mark`, and with it:
bool link_read_to(struct link *l, struct slice mark, struct slice *out, struct text *why);
// What has come, at least one byte:
bool link_read_some(struct link *l, struct slice *out, struct text *why);
size_t link_unread(const struct link *l); // bytes that were received beyond what was given out
bool link_is_late(const struct link *l);  // the time of the conversation is over
// Waits for the socket as a TLS handshake asks (POLLIN or POLLOUT).
bool link_wait(struct link *l, short events, struct text *why);
