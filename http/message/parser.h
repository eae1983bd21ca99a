// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "http/message/head.h"

// Reads messages from bytes as they come: strict head, then body by its framing, then trailers. Pure: no sockets, no clock.
//
// The head's bytes are collected in the arena while a scanner checks each of them (HTTP-RULES: CRLF only, no NUL, no
// folding); when the empty line came, llhttp reads the whole head in one call and our own rules read what it found. So a
// head fed byte by byte gives exactly what it gives whole. Length-delimited bodies do not touch llhttp; chunk lines and trailers do.
struct parser;

struct message_limits {
    size_t line_bytes; // request or status line: 16 KiB (414)
    size_t head_bytes; // whole head: 32 KiB for requests (431), 64 KiB for answers
    unsigned fields;   // 100 for requests (431), 200 for answers
    size_t trailer_bytes;
    size_t chunk_line_bytes; // one chunk-size line with its extensions
    size_t extension_bytes;  // all chunk extensions of one body together
};
extern const struct message_limits REQUEST_LIMITS;
extern const struct message_limits RESPONSE_LIMITS;

enum parse_event {
    PARSE_MORE,    // all was used; feed more
    PARSE_HEAD,    // the head stands in the struct given to begin; call feed again for the body
    PARSE_BODY,    // body bytes stand in the input: see struct fed
    PARSE_END,     // the message is complete (its trailers, if any, are in parser_trailers())
    PARSE_REFUSED, // see parser_refusal(); this connection cannot be read any further
};

// What one feed did with its input: first `skip` bytes that were framing (or head), then `body` bytes of body. Both are
// used up; the caller consumes or moves them. With anything but PARSE_BODY, body is 0.
struct fed {
    size_t skip;
    size_t body;
};

struct parser *parser_new(void);
void parser_free(struct parser *p);
// The next message is a request / the answer to a request with this method. Limits must outlive the message; the head and
// what it points to live in the arena, which gives at most 3 x (head_bytes + trailer_bytes) + chunk_line_bytes and the fields' array.
// One empty line before a request line is skipped (RFC 9112 section 2.2), not before an answer.
void parser_begin_request(struct parser *p, struct request_head *head, struct arena *a,
                          const struct message_limits *limits);
void parser_begin_response(struct parser *p, struct response_head *head, enum method answers,
                           struct arena *a, const struct message_limits *limits);
// in is one contiguous run. Returns at the first event.
enum parse_event parser_feed(struct parser *p, struct slice in, struct fed *fed);
// The peer's end of file. PARSE_END: the message is complete now (until-close body); PARSE_MORE: nothing of a message had
// begun; PARSE_REFUSED: cut in the middle.
enum parse_event parser_feed_end(struct parser *p);
bool parser_has_begun(const struct parser *p); // any byte of this message was seen
enum refusal parser_refusal(const struct parser *p);
const struct fields *parser_trailers(const struct parser *p);
// Bytes of a BODY_LENGTH body that are still to come; UINT64_MAX when not known.
uint64_t parser_body_left(const struct parser *p);
// The caller moved `bytes` of a BODY_LENGTH or BODY_UNTIL_CLOSE body past the parser (splice); at most parser_body_left(). PARSE_END, if
// it is the end now, comes from the next feed.
void parser_skip_body(struct parser *p, uint64_t bytes);

// The six canary messages: NULL if this llhttp is strict enough, else what it accepts (static text).
const char *parser_check_llhttp(void);
const char *parser_llhttp_version(void); // "8.1.0 (system sources, strict mode)"
// What llhttp alone says to one whole message, without any of our rules. For parser_check_llhttp().
bool parser_llhttp_accepts(bool is_request, struct slice message);
