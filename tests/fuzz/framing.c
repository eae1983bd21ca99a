// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The two framing functions against a second, slower reading of the rules. Each line of the input is a field: the first byte
// tells its name, the rest is its value. The first byte of all chooses version and status.
#include "http/message/framing.h"

#include "core/check.h"
#include "tests/fuzz/fuzz.h"

enum { FIELDS_MAX = 64 };

static unsigned count_of(const struct fields *f, enum field_id id, struct slice *value) {
    unsigned count = 0;
    for (unsigned i = 0; i < f->count; i++) {
        if (f->at[i].id != id) continue;
        *value = f->at[i].value;
        count++;
    }
    return count;
}

static bool is_length(struct slice s) {
    size_t zeros = 0;
    while (zeros < s.len && s.at[zeros] == '0') zeros++;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9') return false;
    struct slice digits = slice_skip(s, zeros);
    if (s.len == 0 || digits.len > 19) return false;
    return digits.len < 19 || memcmp(digits.at, "9223372036854775807", 19) <= 0;
}

static void check_request(const struct fields *f, int minor_version) {
    struct framing framing;
    struct slice length, coding;
    unsigned lengths = count_of(f, FIELD_CONTENT_LENGTH, &length);
    unsigned codings = count_of(f, FIELD_TRANSFER_ENCODING, &coding);
    bool is_chunked = codings == 1 && lengths == 0 && minor_version == 1 &&
                      slice_equals_nocase(coding, SLICE("chunked"));
    bool is_counted = codings == 0 && lengths == 1 && is_length(length);
    bool is_empty = codings == 0 && lengths == 0;
    enum refusal why = framing_of_request(f, minor_version, &framing);
    CHECK((why == REFUSE_NONE) == (is_chunked || is_counted || is_empty));
    if (why != REFUSE_NONE) return;
    CHECK((framing.kind == BODY_CHUNKED) == is_chunked);
    CHECK((framing.kind == BODY_LENGTH) == is_counted);
    CHECK((framing.kind == BODY_NONE) == is_empty);
}

static void check_response(const struct fields *f, int minor_version, int status, bool is_head) {
    struct framing asked, framing;
    enum refusal why = framing_of_request(f, minor_version, &asked);
    enum method method = is_head ? METHOD_HEAD : METHOD_GET;
    CHECK(why == framing_of_response(f, minor_version, status, method, &framing));
    bool has_body = !is_head && status >= 200 && status != 204 && status != 304;
    if (!has_body)
        CHECK(framing.kind == BODY_NONE);
    else if (why == REFUSE_NONE && asked.kind == BODY_NONE)
        CHECK(framing.kind == BODY_UNTIL_CLOSE);
    else if (why == REFUSE_NONE)
        CHECK(framing.kind == asked.kind && framing.length == asked.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    static const enum field_id ids[] = {FIELD_CONTENT_LENGTH, FIELD_TRANSFER_ENCODING, FIELD_HOST};
    static const int statuses[] = {200, 100, 101, 204, 304, 404};
    if (len < 1) return 0;
    struct arena *a = arena_new(4096, 1 << 20);
    struct fields f = {.at = NULL};
    struct slice rest = {(const char *)bytes + 1, len - 1};
    while (rest.at && rest.len > 0 && f.count < FIELDS_MAX) {
        struct slice line = slice_cut(&rest, '\n');
        if (line.len == 0) continue;
        enum field_id id = ids[(unsigned char)line.at[0] % 3];
        fields_add(&f, a, id, field_name_of(id), slice_trim(slice_skip(line, 1)));
    }
    check_request(&f, bytes[0] & 1);
    check_response(&f, bytes[0] & 1, statuses[(bytes[0] >> 2) % 6], bytes[0] & 2);
    arena_free(a);
    return 0;
}
