// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/cases/transcript.h"

#include "core/check.h"
#include "http/message/forward.h"
#include "http/message/head_rules.h"
#include "http/message/writer.h"

const struct message_limits SMALL_LIMITS = {
    .line_bytes = 64,
    .head_bytes = 256,
    .fields = 5,
    .trailer_bytes = 64,
    .chunk_line_bytes = 32,
    .extension_bytes = 48,
};

struct reader {
    const struct scenario *s;
    struct text *out;
    struct parser *parser;
    struct arena *arena;
    struct request_head request;
    struct response_head response;
    struct text body;
    bool is_over;
};

static void begin(struct reader *r);
static bool feed_piece(struct reader *r, struct slice in, size_t *at);
static void on_end(struct reader *r);
static void on_refusal(struct reader *r);
static void say_end(struct reader *r, size_t left);
static void write_head(struct reader *r);
static void write_request(struct text *out, const struct request_head *h);
static void write_response(struct text *out, const struct response_head *h);
static void write_framing(struct text *out, struct framing framing, bool keeps,
                          struct slice upgrade);
static void write_fields(struct text *out, const char *before, const struct fields *f);
static void write_forwarded_request(struct reader *r);
static void write_forwarded_response(struct reader *r);
static void write_lines(struct text *out, struct slice bytes);

bool transcript_write(struct text *out, const struct scenario *s, struct slice in, size_t cut) {
    struct reader r = {
        .s = s, .out = out, .parser = parser_new(), .arena = arena_new(16384, 1 << 22)};
    text_init(&r.body, 1 << 20);
    begin(&r);
    size_t at = 0, fed = 0;
    bool is_sound = true;
    do {
        size_t piece = cut == CUT_EVERYWHERE ? 1 : fed < cut ? cut : in.len - fed;
        fed = fed + piece < in.len ? fed + piece : in.len;
        is_sound = feed_piece(&r, (struct slice){in.at, fed}, &at);
    } while (is_sound && !r.is_over && fed < in.len);
    if (is_sound) say_end(&r, in.len - at);
    text_fini(&r.body);
    parser_free(r.parser);
    arena_free(r.arena);
    return is_sound;
}

static void begin(struct reader *r) {
    const struct message_limits *limits = r->s->is_request ? &REQUEST_LIMITS : &RESPONSE_LIMITS;
    if (r->s->has_small_limits) limits = &SMALL_LIMITS;
    text_clear(&r->body);
    if (r->s->is_request)
        parser_begin_request(r->parser, &r->request, r->arena, limits);
    else
        parser_begin_response(r->parser, &r->response, r->s->answers, r->arena, limits);
}

// in: all bytes that have come so far; *at: how many of them are used up.
static bool feed_piece(struct reader *r, struct slice in, size_t *at) {
    while (!r->is_over) {
        struct slice rest = slice_skip(in, *at);
        struct fed fed;
        enum parse_event event = parser_feed(r->parser, rest, &fed);
        bool is_sound = fed.skip + fed.body <= rest.len &&
                        (event == PARSE_BODY) == (fed.body > 0) &&
                        (event != PARSE_MORE || fed.skip == rest.len);
        if (!is_sound) {
            text_printf(r->out, "broken: event %d used %zu + %zu of %zu\n", event, fed.skip,
                        fed.body, rest.len);
            return false;
        }
        if (fed.body > 0) text_add(&r->body, (struct slice){rest.at + fed.skip, fed.body});
        *at += fed.skip + fed.body;
        if (event == PARSE_MORE) return true;
        if (event == PARSE_HEAD) write_head(r);
        if (event == PARSE_END) on_end(r);
        if (event == PARSE_REFUSED) on_refusal(r);
        if (*at == in.len && event == PARSE_END) return true;
    }
    return true;
}

static void write_body(struct reader *r, const char *word) {
    if (r->body.len == 0) return;
    text_printf(r->out, "%s \"", word);
    transcript_quote(r->out, text_slice(&r->body));
    text_add(r->out, SLICE("\"\n"));
}

static void on_end(struct reader *r) {
    write_body(r, "body");
    write_fields(r->out, "trailer ", parser_trailers(r->parser));
    if (r->s->forwards && parser_trailers(r->parser)->count > 0) {
        struct fields passed;
        forward_trailers(parser_trailers(r->parser), r->arena, &passed);
        write_fields(r->out, "> trailer ", &passed);
    }
    text_add(r->out, SLICE("end\n"));
    bool has_next = r->s->is_request || (r->response.status < 200 && r->response.status != 101);
    if (has_next)
        begin(r);
    else
        r->is_over = true;
}

static void on_refusal(struct reader *r) {
    static const char *const names[] = {
#define REFUSAL(id, status, text) #id,
#include "http/message/refusals.def"
#undef REFUSAL
    };
    enum refusal why = parser_refusal(r->parser);
    write_body(r, "body so far");
    text_printf(r->out, "refused %s", names[why]);
    if (r->s->is_request) text_printf(r->out, " %d", refusal_status(why));
    text_add(r->out, SLICE("\n"));
    r->is_over = true;
}

static void say_end(struct reader *r, size_t left) {
    if (r->is_over) {
        if (parser_refusal(r->parser) == REFUSE_NONE && left > 0)
            text_printf(r->out, "%zu bytes are left over\n", left);
        return;
    }
    if (!r->s->ends) {
        write_body(r, "body so far");
        if (parser_has_begun(r->parser)) text_add(r->out, SLICE("waits for more\n"));
        return;
    }
    enum parse_event event = parser_feed_end(r->parser);
    if (event == PARSE_MORE) text_add(r->out, SLICE("closed between messages\n"));
    if (event == PARSE_END) on_end(r);
    if (event == PARSE_REFUSED) on_refusal(r);
}

static void write_head(struct reader *r) {
    if (r->s->is_request)
        write_request(r->out, &r->request);
    else
        write_response(r->out, &r->response);
    if (r->s->forwards && r->s->is_request) write_forwarded_request(r);
    if (r->s->forwards && !r->s->is_request) write_forwarded_response(r);
}

static void write_request(struct text *out, const struct request_head *h) {
    text_printf(out, "request %.*s", SLICE_ARGS(h->method_text));
    if (h->method == METHOD_OTHER) text_add(out, SLICE(" (other)"));
    if (h->scheme.len > 0) text_printf(out, " scheme=%.*s", SLICE_ARGS(h->scheme));
    text_printf(out, " host=%.*s", SLICE_ARGS(h->host));
    if (h->port > 0) text_printf(out, " port=%d", h->port);
    text_printf(out, " path=%.*s", SLICE_ARGS(h->path));
    if (h->has_query) text_printf(out, " query=%.*s", SLICE_ARGS(h->query));
    text_printf(out, " version=1.%d", h->minor_version);
    write_framing(out, h->framing, h->is_persistent, h->upgrade);
    if (h->expects_continue) text_add(out, SLICE(" expects-continue"));
    text_add(out, SLICE("\n"));
    write_fields(out, "  ", &h->fields);
}

static void write_response(struct text *out, const struct response_head *h) {
    text_printf(out, "answer %d \"", h->status);
    transcript_quote(out, h->reason);
    text_printf(out, "\" version=1.%d", h->minor_version);
    write_framing(out, h->framing, h->is_persistent, h->upgrade);
    text_add(out, SLICE("\n"));
    write_fields(out, "  ", &h->fields);
}

static void write_framing(struct text *out, struct framing framing, bool keeps,
                          struct slice upgrade) {
    static const char *const kinds[] = {
        [BODY_NONE] = "none",
        [BODY_LENGTH] = "length",
        [BODY_CHUNKED] = "chunked",
        [BODY_UNTIL_CLOSE] = "until-close",
    };
    text_printf(out, " body=%s", kinds[framing.kind]);
    if (framing.kind == BODY_LENGTH) text_printf(out, ":%llu", (unsigned long long)framing.length);
    text_add(out, keeps ? SLICE(" keeps") : SLICE(" closes"));
    if (upgrade.len > 0) text_printf(out, " upgrade=%.*s", SLICE_ARGS(upgrade));
}

static void write_fields(struct text *out, const char *before, const struct fields *f) {
    for (unsigned i = 0; i < f->count; i++) {
        text_printf(out, "%s%.*s: ", before, SLICE_ARGS(f->at[i].name));
        transcript_quote(out, f->at[i].value);
        text_add(out, SLICE("\n"));
    }
}

static void write_forwarded_request(struct reader *r) {
    const struct scenario *s = r->s;
    struct request_head out;
    if (request_ends_here(&r->request)) {
        text_add(r->out, SLICE("> ends here\n"));
        return;
    }
    struct forward_options o = {
        .client_ip = SLICE("192.0.2.1"),
        .scheme = SLICE("https"),
        .via_name = SLICE("rsp"),
        .is_trusted = s->is_trusted,
        .adds_forwarded = s->adds_forwarded,
        .keeps_upgrade = s->keeps_upgrade,
        .expects_continue = s->passes_expect && r->request.expects_continue,
        .is_chunked = s->is_chunked,
        .closes = s->closes,
    };
    if (!forward_request(&r->request, &o, r->arena, &out)) {
        text_add(r->out, SLICE("> loop\n"));
        return;
    }
    char *room = arena_alloc(r->arena, request_head_size(&out));
    write_lines(r->out, slice_from(room, request_head_write(room, &out)));
}

static void write_forwarded_response(struct reader *r) {
    const struct scenario *s = r->s;
    struct response_head out;
    struct answer_options o = {
        .method = s->answers,
        .client_minor = s->is_old_client ? 0 : 1,
        .is_persistent = !s->closes,
    };
    forward_response(&r->response, &o, r->arena, &out);
    char *room = arena_alloc(r->arena, response_head_size(&out));
    write_lines(r->out, slice_from(room, response_head_write(room, &out)));
}

// Each line of the head after "> ", without its CRLF; the empty one at the end is left out.
static void write_lines(struct text *out, struct slice bytes) {
    CHECK(bytes.len >= 4 && memcmp(bytes.at + bytes.len - 4, "\r\n\r\n", 4) == 0);
    bytes.len -= 4;
    while (bytes.at) {
        struct slice line = slice_cut(&bytes, '\n');
        if (bytes.at && line.len > 0) line.len--;
        text_add(out, SLICE("> "));
        transcript_quote(out, line);
        text_add(out, SLICE("\n"));
    }
}

void transcript_quote(struct text *out, struct slice bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.at[i];
        if (c == '\r')
            text_add(out, SLICE("\\r"));
        else if (c == '\n')
            text_add(out, SLICE("\\n"));
        else if (c == '\t')
            text_add(out, SLICE("\\t"));
        else if (c == '\\')
            text_add(out, SLICE("\\\\"));
        else if (c < 0x20 || c >= 0x7f)
            text_printf(out, "\\x%02x", c);
        else
            text_add_char(out, (char)c);
    }
}
