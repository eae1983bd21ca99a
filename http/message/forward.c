// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/forward.h"

#include "core/check.h"
#include "http/message/head_rules.h"

// Passing through rsp more often than this is a loop; more than once may be meant (rsp before a cache before rsp).
enum { PASSES_MAX = 3 };
// The most fields that forwarding adds to a head.
enum { ADDED_FIELDS = 12 };

#define BIT(id)                     (1ull << FIELD_##id)
#define FIELD_NAME(id, text, flags) | (((flags)&FIELD_HOP) ? BIT(id) : 0)
static const uint64_t HOP_FIELDS = 0
#include "http/message/field_names.def"
    ;
#undef FIELD_NAME
#define FIELD_NAME(id, text, flags) | (((flags)&FIELD_OURS) ? BIT(id) : 0)
static const uint64_t OUR_FIELDS = 0
#include "http/message/field_names.def"
    ;
#undef FIELD_NAME

// What is left out of a head: ids, and the names that Connection gives.
struct sieve {
    uint64_t ids;
    uint64_t aliases; // of these ids: alias_of()
    struct slice names[CONNECTION_OPTIONS_MAX];
    unsigned count;
};
static void sieve_init_request(struct sieve *s, const struct request_head *in,
                               const struct forward_options *o);
static void sieve_init(struct sieve *s, const struct fields *f, uint64_t ids);
static bool sieve_drops(const struct sieve *s, const struct field *field);
static enum field_id alias_of(struct slice name);
static void copy_fields(const struct fields *in, const struct sieve *s, struct arena *a,
                        struct fields *out);

static unsigned passes(const struct fields *f, struct slice our_name);
static void add(struct fields *f, struct arena *a, enum field_id id, struct slice value);
static void add_client(const struct request_head *in, const struct forward_options *o,
                       struct arena *a, struct fields *out);
static void add_if_absent(struct fields *f, struct arena *a, enum field_id id, struct slice value);
static void add_forwarded_for(const struct fields *in, const struct forward_options *o,
                              struct arena *a, struct fields *out);
static void add_forwarded(const struct request_head *in, const struct forward_options *o,
                          struct arena *a, struct fields *out);
static struct slice joined(const struct fields *f, enum field_id id, struct slice last,
                           struct arena *a);
static void add_via(struct fields *f, struct arena *a, int minor_version, struct slice name);
static void add_framing(struct fields *f, struct arena *a, struct framing framing);
static struct slice decimal(struct arena *a, uint64_t n);
static struct framing framing_for_client(const struct response_head *in,
                                         const struct answer_options *o);
static void add_answer_connection(const struct response_head *in, const struct answer_options *o,
                                  struct arena *a, struct response_head *out);
static bool is_interim(int status);

// Requests -------------------------------------------------------------------------------------------------------------

bool forward_request(const struct request_head *in, const struct forward_options *options,
                     struct arena *a, struct request_head *out) {
    CHECK(!request_ends_here(in));
    if (passes(&in->fields, options->via_name) > PASSES_MAX) return false;
    *out = *in;
    if (options->host.len > 0) out->authority = options->host;
    if (options->is_chunked) out->framing = (struct framing){BODY_CHUNKED, 0};
    out->expects_continue = options->expects_continue;
    out->is_persistent = !options->closes;
    out->minor_version = 1;
    if (!options->keeps_upgrade) out->upgrade = (struct slice){NULL, 0};

    struct sieve s;
    sieve_init_request(&s, in, options);

    struct fields *f = &out->fields;
    *f = (struct fields){.at = NULL};
    fields_reserve(f, a, in->fields.count + ADDED_FIELDS);
    add(f, a, FIELD_HOST,
        out->authority); // RFC 9110 section 7.2: first; empty where the client named none
    copy_fields(&in->fields, &s, a, f);
    if (in->counts_hops) add(f, a, FIELD_MAX_FORWARDS, decimal(a, in->hops_left - 1));
    add_client(in, options, a, f);
    if (options->via_name.len > 0) add_via(f, a, in->minor_version, options->via_name);
    if (options->expects_continue) add(f, a, FIELD_EXPECT, SLICE("100-continue"));
    if (out->upgrade.len > 0) {
        add(f, a, FIELD_CONNECTION, SLICE("upgrade"));
        add(f, a, FIELD_UPGRADE, out->upgrade);
    } else if (options->closes) {
        add(f, a, FIELD_CONNECTION, SLICE("close"));
    }
    add_framing(f, a, out->framing);
    return true;
}

// How often our name stands in Via: "1.1 name (comment)".
static unsigned passes(const struct fields *f, struct slice our_name) {
    unsigned count = 0;
    const struct field *field = our_name.len > 0 ? fields_find(f, FIELD_VIA) : NULL;
    for (; field; field = fields_find_next(f, field)) {
        struct slice rest = field->value, element;
        while (list_next(&rest, &element)) {
            (void)slice_cut(&element, ' ');
            struct slice name = element.at ? slice_cut(&element, ' ') : element;
            count += slice_equals_nocase(name, our_name);
        }
    }
    return count;
}

// What stays here is of the hop, or made anew.
static void sieve_init_request(struct sieve *s, const struct request_head *in,
                               const struct forward_options *o) {
    uint64_t made_anew = BIT(HOST) | BIT(CONTENT_LENGTH) | BIT(EXPECT) | BIT(X_FORWARDED_FOR);
    if (o->adds_forwarded) made_anew |= BIT(FORWARDED);
    if (in->counts_hops) made_anew |= BIT(MAX_FORWARDS);
    uint64_t ours = o->is_trusted ? 0 : OUR_FIELDS;
    if (o->owns_client_cert) ours |= BIT(CLIENT_CERT) | BIT(CLIENT_CERT_CHAIN);
    sieve_init(s, &in->fields, HOP_FIELDS | made_anew | ours);
    s->aliases = HOP_FIELDS | BIT(CONTENT_LENGTH) | ours;
}

static void sieve_init(struct sieve *s, const struct fields *f, uint64_t ids) {
    s->ids = ids;
    s->aliases = 0;
    s->count = 0;
    const struct field *field = fields_find(f, FIELD_CONNECTION);
    for (; field; field = fields_find_next(f, field)) {
        struct slice rest = field->value, option;
        while (list_next(&rest, &option) && s->count < CONNECTION_OPTIONS_MAX) {
            bool is_ours = slice_equals_nocase(option, SLICE("close")) ||
                           slice_equals_nocase(option, SLICE("keep-alive")) ||
                           slice_equals_nocase(option, SLICE("upgrade"));
            if (!is_ours) s->names[s->count++] = option;
        }
    }
}

static bool sieve_drops(const struct sieve *s, const struct field *field) {
    if (s->ids & 1ull << field->id) return true;
    if (s->aliases && field->id == FIELD_OTHER && s->aliases & 1ull << alias_of(field->name))
        return true;
    for (unsigned i = 0; i < s->count; i++)
        if (slice_equals_nocase(s->names[i], field->name)) return true;
    return false;
}

// Behind CGI and its heirs X_Forwarded_For and X-Forwarded-For are one variable: a client that is not believed must not set ours that way.
// The id of the name with each _ read as -, or FIELD_OTHER.
static enum field_id alias_of(struct slice name) {
    char text[32];
    if (name.len > sizeof text || slice_find(name, '_') < 0) return FIELD_OTHER;
    for (size_t i = 0; i < name.len; i++) text[i] = name.at[i] == '_' ? '-' : name.at[i];
    return field_id_of((struct slice){text, name.len});
}

static void copy_fields(const struct fields *in, const struct sieve *s, struct arena *a,
                        struct fields *out) {
    for (unsigned i = 0; i < in->count; i++) {
        const struct field *field = &in->at[i];
        if (!sieve_drops(s, field)) fields_add(out, a, field->id, field->name, field->value);
    }
}

static void add(struct fields *f, struct arena *a, enum field_id id, struct slice value) {
    fields_add(f, a, id, field_name_of(id), value);
}

static void add_client(const struct request_head *in, const struct forward_options *o,
                       struct arena *a, struct fields *out) {
    add_forwarded_for(&in->fields, o, a, out);
    add_if_absent(out, a, FIELD_X_FORWARDED_PROTO, o->scheme);
    add_if_absent(out, a, FIELD_X_FORWARDED_HOST, in->authority);
    add_if_absent(out, a, FIELD_X_REQUEST_ID, o->request_id);
    if (o->adds_forwarded) add_forwarded(in, o, a, out);
    if (o->client_cert.len > 0) add(out, a, FIELD_CLIENT_CERT, o->client_cert);
    if (o->client_cert_chain.len > 0) add(out, a, FIELD_CLIENT_CERT_CHAIN, o->client_cert_chain);
}

static void add_if_absent(struct fields *f, struct arena *a, enum field_id id, struct slice value) {
    if (value.len > 0 && !fields_find(f, id)) add(f, a, id, value);
}

static void add_forwarded_for(const struct fields *in, const struct forward_options *o,
                              struct arena *a, struct fields *out) {
    struct slice value = o->client_ip;
    if (o->is_trusted) value = joined(in, FIELD_X_FORWARDED_FOR, value, a);
    if (value.len > 0) add(out, a, FIELD_X_FORWARDED_FOR, value);
}

// RFC 7239: for="[2001:db8::1]";host="example.com";proto=https
static void add_forwarded(const struct request_head *in, const struct forward_options *o,
                          struct arena *a, struct fields *out) {
    bool is_v6 = slice_find(o->client_ip, ':') >= 0;
    const char *form = is_v6 ? "for=\"[%.*s]\"" : "for=%.*s";
    struct slice client = o->client_ip.len > 0 ? arena_printf(a, form, SLICE_ARGS(o->client_ip))
                                               : SLICE("for=unknown");
    struct slice host = in->authority;
    if (host.len > 0) host = arena_printf(a, ";host=\"%.*s\"", SLICE_ARGS(in->authority));
    struct slice value = arena_printf(a, "%.*s%.*s;proto=%.*s", SLICE_ARGS(client),
                                      SLICE_ARGS(host), SLICE_ARGS(o->scheme));
    if (o->is_trusted) value = joined(&in->fields, FIELD_FORWARDED, value, a);
    add(out, a, FIELD_FORWARDED, value);
}

// The values of all fields of that id and `last`, as one list.
static struct slice joined(const struct fields *f, enum field_id id, struct slice last,
                           struct arena *a) {
    size_t size = last.len;
    const struct field *first = fields_find(f, id);
    if (!first) return last;
    for (const struct field *at = first; at; at = fields_find_next(f, at))
        size += at->value.len + 2;
    char *text = arena_alloc(a, size), *to = text;
    for (const struct field *at = first; at; at = fields_find_next(f, at)) {
        if (at->value.len == 0) continue;
        memcpy(to, at->value.at, at->value.len);
        memcpy(to + at->value.len, ", ", 2);
        to += at->value.len + 2;
    }
    if (last.len > 0) memcpy(to, last.at, last.len);
    if (last.len == 0 && to > text) to -= 2;
    return slice_from(text, to + last.len);
}

// "1.1 name", without printf: it is in every head.
static void add_via(struct fields *f, struct arena *a, int minor_version, struct slice name) {
    char *text = arena_alloc(a, 4 + name.len);
    memcpy(text, minor_version == 0 ? "1.0 " : "1.1 ", 4);
    memcpy(text + 4, name.at, name.len);
    add(f, a, FIELD_VIA, (struct slice){text, 4 + name.len});
}

static void add_framing(struct fields *f, struct arena *a, struct framing framing) {
    if (framing.kind == BODY_CHUNKED) add(f, a, FIELD_TRANSFER_ENCODING, SLICE("chunked"));
    if (framing.kind == BODY_LENGTH) add(f, a, FIELD_CONTENT_LENGTH, decimal(a, framing.length));
}

static struct slice decimal(struct arena *a, uint64_t n) {
    enum { DIGITS = 20 };
    char *end = (char *)arena_alloc(a, DIGITS) + DIGITS, *at = end;
    do *--at = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    return slice_from(at, end);
}

// Answers --------------------------------------------------------------------------------------------------------------

void forward_response(const struct response_head *in, const struct answer_options *options,
                      struct arena *a, struct response_head *out) {
    *out = *in;
    out->minor_version = 1;
    out->framing = framing_for_client(in, options);
    out->is_persistent = options->is_persistent && out->framing.kind != BODY_UNTIL_CLOSE;

    // What HEAD and 304 say of the length is about a body that is not sent here (RFC 9110 section 8.6).
    bool is_about_another = in->status == 304 || (options->method == METHOD_HEAD &&
                                                  !is_interim(in->status) && in->status != 204);
    bool tells_length = in->framing.kind == BODY_NONE && is_about_another;
    struct sieve s;
    sieve_init(&s, &in->fields, HOP_FIELDS | (tells_length ? 0 : BIT(CONTENT_LENGTH)));

    struct fields *f = &out->fields;
    *f = (struct fields){.at = NULL};
    fields_reserve(f, a, in->fields.count + ADDED_FIELDS);
    copy_fields(&in->fields, &s, a, f);
    if (options->via_name.len > 0) add_via(f, a, in->minor_version, options->via_name);
    add_answer_connection(in, options, a, out);
    add_framing(f, a, out->framing);
}

static bool is_interim(int status) {
    return status < 200;
}

static struct framing framing_for_client(const struct response_head *in,
                                         const struct answer_options *o) {
    if (in->framing.kind == BODY_NONE || in->framing.kind == BODY_LENGTH) return in->framing;
    return (struct framing){o->client_minor == 0 ? BODY_UNTIL_CLOSE : BODY_CHUNKED, 0};
}

static void add_answer_connection(const struct response_head *in, const struct answer_options *o,
                                  struct arena *a, struct response_head *out) {
    struct fields *f = &out->fields;
    struct slice upgrade = out->upgrade;
    const struct field *offer = fields_find(&in->fields, FIELD_UPGRADE);
    if (out->status == 426 && offer) upgrade = offer->value; // RFC 9110 section 15.5.22
    if (upgrade.len > 0) {
        add(f, a, FIELD_CONNECTION, SLICE("upgrade"));
        add(f, a, FIELD_UPGRADE, upgrade);
    }
    if (is_interim(out->status)) return;
    if (!out->is_persistent)
        add(f, a, FIELD_CONNECTION, SLICE("close"));
    else if (o->client_minor == 0)
        add(f, a, FIELD_CONNECTION, SLICE("keep-alive"));
}

// Trailers -------------------------------------------------------------------------------------------------------------

void forward_trailers(const struct fields *in, struct arena *a, struct fields *out) {
    *out = (struct fields){.at = NULL};
    const unsigned never = FIELD_HOP | FIELD_GUARDED | FIELD_OURS | FIELD_NO_TRAILER;
    for (unsigned i = 0; i < in->count; i++) {
        const struct field *field = &in->at[i];
        enum field_id id = field->id == FIELD_OTHER ? alias_of(field->name) : field->id;
        if (!(field_flags_of(id) & never)) fields_add(out, a, field->id, field->name, field->value);
    }
}
