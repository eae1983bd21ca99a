// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/parser.h"

#include <llhttp.h>
#include <stdlib.h>

#include "core/check.h"
#include "http/message/chunk_line.h"
#include "http/message/framing.h"
#include "http/message/head_rules.h"
#include "http/message/scanner.h"
#include "http/message/start_line.h"
#include "http/message/target.h"

enum parser_state {
    STATE_IDLE,
    STATE_HEAD,
    STATE_BODY,        // until `left` bytes have come, or the end of the connection
    STATE_CHUNK_LINE,  // "1f;name=value" CRLF
    STATE_CHUNK_BYTES, // `left` of them to come
    STATE_CHUNK_END,   // CRLF after them
    STATE_TRAILERS,
    STATE_ENDED,
    STATE_REFUSED,
};

struct parser {
    llhttp_t llhttp;
    enum parser_state state;
    enum refusal refusal;
    bool is_request;
    bool has_checked_line; // the first line, before the head was whole
    bool has_begun;
    enum method answers;
    struct request_head *request;
    struct response_head *response;
    struct arena *arena;
    const struct message_limits *limits;
    struct block block;     // the head, then the trailers
    struct scanner line;    // of a chunk line and of the end of a chunk
    struct slice partial;   // of a chunk line that comes in pieces
    char *partial_room;     // of the arena: chunk_line_bytes + 2
    uint64_t left;          // of the body or of the chunk
    size_t extension_bytes; // so far
    struct fields trailers;
    // What llhttp reports of the block that it is reading.
    struct fields *fields;
    struct slice target;
    bool has_ended_block;
    bool has_chunk_header;
};

const struct message_limits REQUEST_LIMITS = {
    .line_bytes = 16384,
    .head_bytes = 32768,
    .fields = 100,
    .trailer_bytes = 16384,
    .chunk_line_bytes = 1024,
    .extension_bytes = 16384,
};
const struct message_limits RESPONSE_LIMITS = {
    .line_bytes = 16384,
    .head_bytes = 65536,
    .fields = 200,
    .trailer_bytes = 16384,
    .chunk_line_bytes = 1024,
    .extension_bytes = 16384,
};

static void begin(struct parser *p, struct arena *a, const struct message_limits *limits);
static enum parse_event refuse(struct parser *p, enum refusal why);
static enum parse_event feed_head(struct parser *p, struct slice in, struct fed *fed);
static enum refusal check_first_line(struct parser *p);
static struct slice first_line(const struct parser *p);
static enum refusal read_request(struct parser *p);
static enum refusal read_response(struct parser *p);
static enum refusal llhttp_reads_head(struct parser *p, size_t unknown_method_bytes);
static enum refusal refusal_of(llhttp_errno_t verdict);
static void enter_body(struct parser *p, struct framing framing);
static bool llhttp_goes_on(struct parser *p);
static enum parse_event feed_body(struct parser *p, struct slice in, struct fed *fed);
static enum parse_event feed_chunk_line(struct parser *p, struct slice in, struct fed *fed);
static struct slice keep_partial(struct parser *p, struct slice piece, size_t room);
static enum refusal read_chunk_line(struct parser *p, struct slice line);
static enum parse_event feed_chunk_bytes(struct parser *p, struct slice in, struct fed *fed);
static enum parse_event feed_chunk_end(struct parser *p, struct slice in, struct fed *fed);
static enum parse_event feed_trailers(struct parser *p, struct slice in, struct fed *fed);
static enum refusal read_trailers(struct parser *p);

static int on_url(llhttp_t *llhttp, const char *at, size_t len);
static int on_field(llhttp_t *llhttp, const char *at, size_t len);
static int on_value(llhttp_t *llhttp, const char *at, size_t len);
static int on_head_complete(llhttp_t *llhttp);
static int on_chunk_header(llhttp_t *llhttp);
static int on_message_complete(llhttp_t *llhttp);

static const llhttp_settings_t SETTINGS = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head_complete,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

struct parser *parser_new(void) {
    struct parser *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    return p;
}

void parser_free(struct parser *p) {
    free(p);
}

void parser_begin_request(struct parser *p, struct request_head *head, struct arena *a,
                          const struct message_limits *limits) {
    *p = (struct parser){.is_request = true, .request = head};
    *head = (struct request_head){0};
    p->fields = &head->fields;
    p->block.may_skip_empty = true;
    begin(p, a, limits);
}

void parser_begin_response(struct parser *p, struct response_head *head, enum method answers,
                           struct arena *a, const struct message_limits *limits) {
    *p = (struct parser){.response = head, .answers = answers};
    *head = (struct response_head){0};
    p->fields = &head->fields;
    begin(p, a, limits);
}

static void begin(struct parser *p, struct arena *a, const struct message_limits *limits) {
    p->arena = a;
    p->limits = limits;
    p->state = STATE_HEAD;
    llhttp_init(&p->llhttp, p->is_request ? HTTP_REQUEST : HTTP_RESPONSE, &SETTINGS);
    p->llhttp.data = p;
}

enum parse_event parser_feed(struct parser *p, struct slice in, struct fed *fed) {
    CHECK(p->state != STATE_IDLE);
    *fed = (struct fed){0, 0};
    for (;;) {
        struct slice rest =
            in.len > fed->skip ? slice_skip(in, fed->skip) : (struct slice){NULL, 0};
        enum parser_state before = p->state;
        enum parse_event event = PARSE_MORE;
        switch (p->state) {
        case STATE_HEAD: event = feed_head(p, rest, fed); break;
        case STATE_BODY: event = feed_body(p, rest, fed); break;
        case STATE_CHUNK_LINE: event = feed_chunk_line(p, rest, fed); break;
        case STATE_CHUNK_BYTES: event = feed_chunk_bytes(p, rest, fed); break;
        case STATE_CHUNK_END: event = feed_chunk_end(p, rest, fed); break;
        case STATE_TRAILERS: event = feed_trailers(p, rest, fed); break;
        case STATE_REFUSED: return PARSE_REFUSED;
        case STATE_ENDED: return PARSE_END;
        case STATE_IDLE: break;
        }
        if (event != PARSE_MORE || p->state == before) return event;
    }
}

static enum parse_event refuse(struct parser *p, enum refusal why) {
    p->state = STATE_REFUSED;
    p->refusal = why;
    return PARSE_REFUSED;
}

enum parse_event parser_feed_end(struct parser *p) {
    if (p->state == STATE_HEAD && !p->has_begun) return PARSE_MORE;
    if (p->state == STATE_REFUSED) return PARSE_REFUSED;
    bool is_whole = p->state == STATE_ENDED ||
                    (p->state == STATE_BODY && (p->left == 0 || p->left == UINT64_MAX));
    if (!is_whole) return refuse(p, REFUSE_CUT);
    p->state = STATE_ENDED;
    return PARSE_END;
}

bool parser_has_begun(const struct parser *p) {
    return p->has_begun;
}

enum refusal parser_refusal(const struct parser *p) {
    return p->refusal;
}

const struct fields *parser_trailers(const struct parser *p) {
    return &p->trailers;
}

uint64_t parser_body_left(const struct parser *p) {
    if (p->state == STATE_ENDED) return 0;
    return p->state == STATE_BODY ? p->left : UINT64_MAX;
}

void parser_skip_body(struct parser *p, uint64_t bytes) {
    CHECK(p->state == STATE_BODY && bytes <= p->left);
    if (p->left != UINT64_MAX) p->left -= bytes;
}

// The head -----------------------------------------------------------------------------------------------------------

static enum parse_event feed_head(struct parser *p, struct slice in, struct fed *fed) {
    struct block_limits limits = {
        .first_line_bytes = p->limits->line_bytes,
        .bytes = p->limits->head_bytes,
        .lines = p->limits->fields + 1,
        .too_large = REFUSE_HEAD_TOO_LARGE,
    };
    size_t used;
    enum refusal why = REFUSE_NONE;
    enum scan verdict = block_feed(&p->block, in, &limits, p->arena, &used, &why);
    fed->skip += used;
    p->has_begun = p->block.len > 0;
    if (verdict != SCAN_EMPTY_LINE && p->block.lines > 0 && !p->has_checked_line) {
        // What is wrong with the first line is said at once, and before what is wrong with a later one.
        enum refusal wrong = check_first_line(p);
        if (wrong != REFUSE_NONE) return refuse(p, wrong);
        p->has_checked_line = true;
    }
    if (verdict == SCAN_BAD) return refuse(p, why);
    if (verdict == SCAN_MORE) return PARSE_MORE;
    why = p->is_request ? read_request(p) : read_response(p);
    if (why != REFUSE_NONE) return refuse(p, why);
    enter_body(p, p->is_request ? p->request->framing : p->response->framing);
    return p->state == STATE_REFUSED ? PARSE_REFUSED : PARSE_HEAD;
}

static enum refusal check_first_line(struct parser *p) {
    struct request_line request;
    struct status_line status;
    return p->is_request ? request_line_read(first_line(p), &request)
                         : status_line_read(first_line(p), &status);
}

static struct slice first_line(const struct parser *p) {
    size_t bytes = p->block.first_line_bytes;
    return (struct slice){p->block.at, bytes > 2 ? bytes - 2 : 0};
}

static enum refusal read_request(struct parser *p) {
    struct request_head *h = p->request;
    struct request_line line;
    struct target target;
    enum refusal why = request_line_read(first_line(p), &line);
    if (why == REFUSE_NONE) why = target_read(line.target, line.method, &target);
    if (why != REFUSE_NONE) return why;
    h->method = line.method;
    h->method_text = line.method_text;
    h->target = line.target;
    h->minor_version = line.minor_version;
    enum refusal objection =
        llhttp_reads_head(p, h->method == METHOD_OTHER ? h->method_text.len : 0);
    if (objection == REFUSE_BAD_FIELD) return objection;
    // Our rules come first even where llhttp has stopped: they know better what to call it.
    why = framing_of_request(&h->fields, h->minor_version, &h->framing);
    if (why == REFUSE_NONE) why = objection;
    if (why == REFUSE_NONE) why = fields_check(&h->fields);
    if (why == REFUSE_NONE) why = target_apply(&target, p->arena, h);
    if (why == REFUSE_NONE) why = expectation_read(h);
    if (why == REFUSE_NONE) why = hops_read(h);
    if (why != REFUSE_NONE) return why;
    bool is_same =
        slice_equals(p->target, h->target) && llhttp_get_http_minor(&p->llhttp) == h->minor_version;
    h->is_persistent = fields_want_to_persist(&h->fields, h->minor_version);
    if (h->method == METHOD_GET && h->minor_version == 1 && h->framing.kind == BODY_NONE)
        h->upgrade = fields_upgrade(&h->fields);
    return is_same ? REFUSE_NONE : REFUSE_DISAGREEMENT;
}

static enum refusal read_response(struct parser *p) {
    struct response_head *h = p->response;
    struct status_line line;
    enum refusal why = status_line_read(first_line(p), &line);
    if (why != REFUSE_NONE) return why;
    h->status = line.status;
    h->reason = line.reason;
    h->minor_version = line.minor_version;
    enum refusal objection = llhttp_reads_head(p, 0);
    if (objection == REFUSE_BAD_FIELD) return objection;
    why = framing_of_response(&h->fields, h->minor_version, h->status, p->answers, &h->framing);
    if (why == REFUSE_NONE) why = objection;
    if (why == REFUSE_NONE) why = fields_check(&h->fields);
    if (why != REFUSE_NONE) return why;
    bool is_same = llhttp_get_status_code(&p->llhttp) == h->status &&
                   llhttp_get_http_minor(&p->llhttp) == h->minor_version;
    h->is_persistent =
        h->framing.kind != BODY_UNTIL_CLOSE && fields_want_to_persist(&h->fields, h->minor_version);
    if (h->status == 101) h->upgrade = fields_upgrade(&h->fields);
    return is_same ? REFUSE_NONE : REFUSE_DISAGREEMENT;
}

// One call for the whole head. A method of the given length that llhttp may not know is read as POST, which has no rules of its
// own there; the method is ours to judge.
static enum refusal llhttp_reads_head(struct parser *p, size_t unknown_method_bytes) {
    struct slice text = {p->block.at, p->block.len};
    fields_reserve(p->fields, p->arena, p->block.lines - 1);
    llhttp_errno_t verdict = HPE_OK;
    if (unknown_method_bytes > 0) {
        verdict = llhttp_execute(&p->llhttp, "POST", 4);
        text = slice_skip(text, unknown_method_bytes);
    }
    if (verdict == HPE_OK) verdict = llhttp_execute(&p->llhttp, text.at, text.len);
    if (verdict != HPE_PAUSED || !p->has_ended_block) return refusal_of(verdict);
    return p->fields->count == p->block.lines - 1 ? REFUSE_NONE : REFUSE_DISAGREEMENT;
}

// What llhttp may object to before our own rules look.
static enum refusal refusal_of(llhttp_errno_t verdict) {
    if (verdict == HPE_INVALID_HEADER_TOKEN) return REFUSE_BAD_FIELD;
    if (verdict == HPE_INVALID_URL) return REFUSE_BAD_TARGET;
    if (verdict == HPE_INVALID_CONTENT_LENGTH) return REFUSE_BAD_LENGTH;
    if (verdict == HPE_UNEXPECTED_CONTENT_LENGTH) return REFUSE_SEVERAL_LENGTHS;
    if (verdict == HPE_INVALID_TRANSFER_ENCODING) return REFUSE_BAD_CODING;
    return REFUSE_DISAGREEMENT;
}

// The body -----------------------------------------------------------------------------------------------------------

static void enter_body(struct parser *p, struct framing framing) {
    p->state = STATE_BODY;
    p->left = 0;
    if (framing.kind == BODY_LENGTH) p->left = framing.length;
    if (framing.kind == BODY_UNTIL_CLOSE) p->left = UINT64_MAX;
    if (framing.kind != BODY_CHUNKED) return;
    p->state = STATE_CHUNK_LINE;
    if (!llhttp_goes_on(p)) (void)refuse(p, REFUSE_DISAGREEMENT);
}

// llhttp was paused at the end of the head; the last bytes of it may still be unread.
static bool llhttp_goes_on(struct parser *p) {
    const char *at = llhttp_get_error_pos(&p->llhttp);
    const char *end = p->block.at + p->block.len;
    llhttp_resume(&p->llhttp);
    return at == end || llhttp_execute(&p->llhttp, at, (size_t)(end - at)) == HPE_OK;
}

static enum parse_event feed_body(struct parser *p, struct slice in, struct fed *fed) {
    if (p->left == 0) {
        p->state = STATE_ENDED;
        return PARSE_END;
    }
    fed->body = in.len < p->left ? in.len : (size_t)p->left;
    if (fed->body == 0) return PARSE_MORE;
    if (p->left != UINT64_MAX) p->left -= fed->body;
    return PARSE_BODY;
}

static enum parse_event feed_chunk_line(struct parser *p, struct slice in, struct fed *fed) {
    size_t room = p->limits->chunk_line_bytes + 2;
    if (in.len == 0) return PARSE_MORE;
    if (in.len > room - p->partial.len) in.len = room - p->partial.len;
    size_t used;
    enum refusal why = REFUSE_NONE;
    enum scan verdict = scanner_next(&p->line, in, &used, &why);
    fed->skip += used;
    if (verdict == SCAN_BAD) return refuse(p, why);
    if (verdict == SCAN_EMPTY_LINE) return refuse(p, REFUSE_BAD_CHUNK_LINE);
    struct slice line = {in.at, used};
    if (verdict == SCAN_MORE || p->partial.len > 0) line = keep_partial(p, line, room);
    if (verdict == SCAN_MORE)
        return line.len == room ? refuse(p, REFUSE_LONG_CHUNK_LINE) : PARSE_MORE;
    p->partial.len = 0;
    why = read_chunk_line(p, line);
    if (why != REFUSE_NONE) return refuse(p, why);
    p->state = p->left > 0 ? STATE_CHUNK_BYTES : STATE_TRAILERS;
    return PARSE_MORE;
}

static struct slice keep_partial(struct parser *p, struct slice piece, size_t room) {
    if (!p->partial_room) p->partial_room = arena_alloc(p->arena, room);
    if (piece.len > 0) memcpy(p->partial_room + p->partial.len, piece.at, piece.len);
    p->partial = (struct slice){p->partial_room, p->partial.len + piece.len};
    return p->partial;
}

// The line comes with its CRLF. llhttp reads it without its extensions: 8.1 refuses some that are well-formed.
static enum refusal read_chunk_line(struct parser *p, struct slice line) {
    struct chunk_line found;
    line.len -= 2;
    if (!chunk_line_read(line, &found)) return REFUSE_BAD_CHUNK_LINE;
    p->extension_bytes += line.len - found.digits;
    if (p->extension_bytes > p->limits->extension_bytes) return REFUSE_LONG_CHUNK_EXTENSIONS;
    p->left = found.size;
    p->has_chunk_header = false;
    bool is_same = llhttp_execute(&p->llhttp, line.at, found.digits) == HPE_OK &&
                   llhttp_execute(&p->llhttp, "\r\n", 2) == HPE_OK && p->has_chunk_header &&
                   p->llhttp.content_length == p->left;
    if (!is_same) return REFUSE_DISAGREEMENT;
    if (p->left > 0) return REFUSE_NONE;
    p->block = (struct block){.at = NULL};
    p->fields = &p->trailers;
    p->has_ended_block = false;
    return REFUSE_NONE;
}

// llhttp counts the bytes along without looking at them.
static enum parse_event feed_chunk_bytes(struct parser *p, struct slice in, struct fed *fed) {
    if (p->left == 0) {
        p->state = STATE_CHUNK_END;
        return PARSE_MORE;
    }
    if (in.len > p->left) in.len = (size_t)p->left;
    if (in.len == 0) return PARSE_MORE;
    if (llhttp_execute(&p->llhttp, in.at, in.len) != HPE_OK) return refuse(p, REFUSE_DISAGREEMENT);
    fed->body = in.len;
    p->left -= in.len;
    return PARSE_BODY;
}

static enum parse_event feed_chunk_end(struct parser *p, struct slice in, struct fed *fed) {
    if (in.len == 0) return PARSE_MORE;
    char expected = p->line.is_after_cr ? '\n' : '\r';
    if (in.at[0] != expected) return refuse(p, REFUSE_BAD_CHUNK_END);
    fed->skip++;
    p->line.is_after_cr = !p->line.is_after_cr;
    if (p->line.is_after_cr) return feed_chunk_end(p, slice_skip(in, 1), fed);
    if (llhttp_execute(&p->llhttp, "\r\n", 2) != HPE_OK) return refuse(p, REFUSE_DISAGREEMENT);
    p->state = STATE_CHUNK_LINE;
    return PARSE_MORE;
}

static enum parse_event feed_trailers(struct parser *p, struct slice in, struct fed *fed) {
    struct block_limits limits = {
        .first_line_bytes = p->limits->trailer_bytes,
        .bytes = p->limits->trailer_bytes,
        .lines = p->limits->fields,
        .too_large = REFUSE_TRAILERS_TOO_LARGE,
    };
    size_t used;
    enum refusal why = REFUSE_NONE;
    enum scan verdict = block_feed(&p->block, in, &limits, p->arena, &used, &why);
    fed->skip += used;
    if (verdict == SCAN_BAD) return refuse(p, why);
    if (verdict == SCAN_MORE) return PARSE_MORE;
    why = read_trailers(p);
    if (why != REFUSE_NONE) return refuse(p, why);
    p->state = STATE_ENDED;
    return PARSE_END;
}

// Framing and routing were decided by the head. What forwards trailers leaves out more; these are refused because nobody
// honest sends them there.
static enum refusal read_trailers(struct parser *p) {
    const uint64_t refused =
        1ull << FIELD_CONTENT_LENGTH | 1ull << FIELD_TRANSFER_ENCODING | 1ull << FIELD_HOST;
    fields_reserve(&p->trailers, p->arena, p->block.lines);
    llhttp_errno_t verdict = llhttp_execute(&p->llhttp, p->block.at, p->block.len);
    if (p->trailers.present & refused) return REFUSE_BAD_TRAILER;
    if (!p->has_ended_block) return refusal_of(verdict);
    if (p->trailers.count != p->block.lines) return REFUSE_DISAGREEMENT;
    for (unsigned i = 0; i < p->trailers.count; i++)
        if (!is_token(p->trailers.at[i].name)) return REFUSE_BAD_FIELD;
    return REFUSE_NONE;
}

// What llhttp reports --------------------------------------------------------------------------------------------------

static int on_url(llhttp_t *llhttp, const char *at, size_t len) {
    struct parser *p = llhttp->data;
    p->target = (struct slice){at, len};
    return 0;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t len) {
    struct parser *p = llhttp->data;
    struct slice name = {at, len};
    if (p->fields->count == p->fields->cap) return -1; // more fields than lines
    fields_add(p->fields, p->arena, field_id_of(name), name, (struct slice){at + len, 0});
    return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len) {
    struct parser *p = llhttp->data;
    if (p->fields->count == 0) return -1;
    struct field *field = &p->fields->at[p->fields->count - 1];
    if (field->value.len > 0) return -1; // a value in two pieces: the head is in one
    field->value = slice_trim((struct slice){at, len});
    return 0;
}

static int on_head_complete(llhttp_t *llhttp) {
    struct parser *p = llhttp->data;
    p->has_ended_block = true;
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *llhttp) {
    struct parser *p = llhttp->data;
    p->has_chunk_header = true;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp) {
    struct parser *p = llhttp->data;
    p->has_ended_block = true;
    return HPE_PAUSED;
}

bool parser_llhttp_accepts(bool is_request, struct slice message) {
    static const llhttp_settings_t NO_CALLS;
    llhttp_t llhttp;
    llhttp_init(&llhttp, is_request ? HTTP_REQUEST : HTTP_RESPONSE, &NO_CALLS);
    llhttp_errno_t verdict = llhttp_execute(&llhttp, message.at, message.len);
    return verdict == HPE_OK || verdict == HPE_PAUSED_UPGRADE;
}

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number

const char *parser_llhttp_version(void) {
    return TEXT_OF(LLHTTP_VERSION_MAJOR) "." TEXT_OF(LLHTTP_VERSION_MINOR) "." TEXT_OF(
        LLHTTP_VERSION_PATCH) " (" RSP_LLHTTP_BUILD ")";
}
