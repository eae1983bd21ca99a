// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/framing.h"

static enum refusal stated_framing(const struct fields *f, int minor_version, struct framing *out);
static enum refusal stated_length(const struct fields *f, struct framing *out);
static enum refusal stated_coding(const struct fields *f, struct framing *out);
static bool has_body(int status, enum method answers);

enum refusal framing_of_request(const struct fields *f, int minor_version, struct framing *out) {
    *out = (struct framing){BODY_NONE, 0};
    return stated_framing(f, minor_version, out);
}

enum refusal framing_of_response(const struct fields *f, int minor_version, int status,
                                 enum method answers, struct framing *out) {
    *out = (struct framing){BODY_UNTIL_CLOSE, 0};
    enum refusal why = stated_framing(f, minor_version, out);
    if (!has_body(status, answers)) *out = (struct framing){BODY_NONE, 0};
    return why;
}

static bool has_body(int status, enum method answers) {
    return answers != METHOD_HEAD && status >= 200 && status != 204 && status != 304;
}

// Leaves *out as it is when the fields say nothing.
static enum refusal stated_framing(const struct fields *f, int minor_version, struct framing *out) {
    bool has_length = f->present & 1ull << FIELD_CONTENT_LENGTH;
    bool has_coding = f->present & 1ull << FIELD_TRANSFER_ENCODING;
    if (has_coding && has_length) return REFUSE_LENGTH_AND_CODING;
    if (has_coding && minor_version == 0) return REFUSE_CODING_ON_1_0;
    if (has_coding) return stated_coding(f, out);
    return has_length ? stated_length(f, out) : REFUSE_NONE;
}

static enum refusal stated_length(const struct fields *f, struct framing *out) {
    const struct field *field = fields_find(f, FIELD_CONTENT_LENGTH);
    if (fields_find_next(f, field)) return REFUSE_SEVERAL_LENGTHS;
    uint64_t length;
    if (!slice_to_u64(field->value, &length) || length > INT64_MAX) return REFUSE_BAD_LENGTH;
    *out = (struct framing){BODY_LENGTH, length};
    return REFUSE_NONE;
}

// Anything but "chunked" is refused. 501 (RFC 9112 section 6.1) goes to who honestly uses a coding that we do not know; what a
// second parser could take for "chunked", or not, gets 400.
static enum refusal stated_coding(const struct fields *f, struct framing *out) {
    const struct field *field = fields_find(f, FIELD_TRANSFER_ENCODING);
    if (fields_find_next(f, field)) return REFUSE_BAD_CODING;
    if (slice_equals_nocase(field->value, SLICE("chunked"))) {
        *out = (struct framing){BODY_CHUNKED, 0};
        return REFUSE_NONE;
    }
    struct slice rest = field->value, coding;
    unsigned codings = 0, chunked = 0;
    bool is_last_chunked = false;
    while (list_next(&rest, &coding)) {
        if (!is_token(coding) || slice_equals_nocase(coding, SLICE("identity")))
            return REFUSE_BAD_CODING;
        is_last_chunked = slice_equals_nocase(coding, SLICE("chunked"));
        chunked += is_last_chunked;
        codings++;
    }
    bool is_honest = codings > chunked && (chunked == 0 || (chunked == 1 && is_last_chunked));
    return is_honest ? REFUSE_UNKNOWN_CODING : REFUSE_BAD_CODING;
}
