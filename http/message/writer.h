// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/message/head.h"

// Heads to bytes: exactly what stands in the head's fields, nothing is added (framing and connection fields are among them: forward.h).
// Of a request's target only path and query are written. The size first, then into the room (stream_reserve()).
size_t request_head_size(const struct request_head *h);
char *request_head_write(char *to,
                         const struct request_head *h); // returns the end; HTTP/1.1 always
// The status line says HTTP/1.1 (RFC 9112 section 2.3), whatever version the backend speaks.
size_t response_head_size(const struct response_head *h);
char *response_head_write(char *to, const struct response_head *h);
const char *status_reason(int status); // "Not Found"; "" when unknown (statuses.def)

// One chunk: CHUNK_LINE_MAX bytes hold the size line; after the bytes comes CRLF.
#define CHUNK_LINE_MAX 18
size_t chunk_line_write(char to[CHUNK_LINE_MAX], uint64_t length);
// "0\r\n", trailers (may be NULL), "\r\n".
size_t last_chunk_size(const struct fields *trailers);
char *last_chunk_write(char *to, const struct fields *trailers);
