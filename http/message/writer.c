// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/writer.h"

static size_t fields_size(const struct fields *f);
static char *put_fields(char *to, const struct fields *f);
static char *put(char *to, struct slice s);
static size_t hex(char *to, uint64_t n);

static const char CRLF[] = "\r\n";

size_t request_head_size(const struct request_head *h) {
    size_t query = h->has_query ? 1 + h->query.len : 0;
    return h->method_text.len + 1 + h->path.len + query + sizeof " HTTP/1.1\r\n" - 1 +
           fields_size(&h->fields) + 2;
}

char *request_head_write(char *to, const struct request_head *h) {
    to = put(to, h->method_text);
    *to++ = ' ';
    to = put(to, h->path);
    if (h->has_query) {
        *to++ = '?';
        to = put(to, h->query);
    }
    to = put(to, SLICE(" HTTP/1.1\r\n"));
    return put(put_fields(to, &h->fields), slice_of(CRLF));
}

size_t response_head_size(const struct response_head *h) {
    return sizeof "HTTP/1.1 200 \r\n" - 1 + h->reason.len + fields_size(&h->fields) + 2;
}

char *response_head_write(char *to, const struct response_head *h) {
    to = put(to, SLICE("HTTP/1.1 "));
    *to++ = (char)('0' + h->status / 100 % 10);
    *to++ = (char)('0' + h->status / 10 % 10);
    *to++ = (char)('0' + h->status % 10);
    *to++ = ' ';
    to = put(put(to, h->reason), SLICE("\r\n"));
    return put(put_fields(to, &h->fields), slice_of(CRLF));
}

static size_t fields_size(const struct fields *f) {
    size_t size = 0;
    for (unsigned i = 0; i < f->count; i++) size += f->at[i].name.len + f->at[i].value.len + 4;
    return size;
}

static char *put_fields(char *to, const struct fields *f) {
    for (unsigned i = 0; i < f->count; i++) {
        to = put(put(to, f->at[i].name), SLICE(": "));
        to = put(put(to, f->at[i].value), SLICE("\r\n"));
    }
    return to;
}

static char *put(char *to, struct slice s) {
    if (s.len > 0) memcpy(to, s.at, s.len);
    return to + s.len;
}

const char *status_reason(int status) {
    switch (status) {
#define STATUS(code, text)                                                                         \
    case code:                                                                                     \
        return text;
#include "http/message/statuses.def"
#undef STATUS
    default: return "";
    }
}

size_t chunk_line_write(char to[CHUNK_LINE_MAX], uint64_t length) {
    size_t n = hex(to, length);
    memcpy(to + n, CRLF, 2);
    return n + 2;
}

static size_t hex(char *to, uint64_t n) {
    char digits[16];
    size_t len = 0;
    do digits[len++] = "0123456789abcdef"[n & 15];
    while ((n >>= 4) > 0);
    for (size_t i = 0; i < len; i++) to[i] = digits[len - 1 - i];
    return len;
}

size_t last_chunk_size(const struct fields *trailers) {
    return sizeof "0\r\n\r\n" - 1 + (trailers ? fields_size(trailers) : 0);
}

char *last_chunk_write(char *to, const struct fields *trailers) {
    to = put(to, SLICE("0\r\n"));
    if (trailers) to = put_fields(to, trailers);
    return put(to, slice_of(CRLF));
}
