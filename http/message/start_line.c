// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/start_line.h"

static enum refusal version_read(struct slice version, int *minor);
static bool is_digit(char c);

enum refusal request_line_read(struct slice line, struct request_line *out) {
    ptrdiff_t space = slice_find(line, ' ');
    if (space <= 0) return REFUSE_BAD_REQUEST_LINE;
    out->method_text = (struct slice){line.at, (size_t)space};
    if (!is_token(out->method_text)) return REFUSE_BAD_METHOD;
    out->method = method_of(out->method_text);
    if (out->method == METHOD_CONNECT) return REFUSE_CONNECT;
    if (slice_equals(out->method_text, SLICE("PRI"))) return REFUSE_PRI;
    struct slice rest = slice_skip(line, (size_t)space + 1);
    space = slice_find(rest, ' ');
    if (space <= 0) return REFUSE_BAD_REQUEST_LINE;
    out->target = (struct slice){rest.at, (size_t)space};
    return version_read(slice_skip(rest, (size_t)space + 1), &out->minor_version);
}

// What has the form of a version but is not one of ours is told apart from what is no version at all.
static enum refusal version_read(struct slice version, int *minor) {
    bool has_form = version.len == 8 && slice_starts_with(version, SLICE("HTTP/")) &&
                    is_digit(version.at[5]) && version.at[6] == '.' && is_digit(version.at[7]);
    if (!has_form) return REFUSE_BAD_REQUEST_LINE;
    if (version.at[5] != '1' || version.at[7] > '1') return REFUSE_BAD_VERSION;
    *minor = version.at[7] - '0';
    return REFUSE_NONE;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// A status line that ends right after the status, without the space that RFC 9112 section 4 asks for, is common and
// has only one meaning: it is accepted.
enum refusal status_line_read(struct slice line, struct status_line *out) {
    if (line.len < 12 || line.at[8] != ' ') return REFUSE_BAD_STATUS_LINE;
    enum refusal why = version_read((struct slice){line.at, 8}, &out->minor_version);
    if (why != REFUSE_NONE) return why == REFUSE_BAD_VERSION ? why : REFUSE_BAD_STATUS_LINE;
    const char *digits = line.at + 9;
    if (!is_digit(digits[0]) || !is_digit(digits[1]) || !is_digit(digits[2]))
        return REFUSE_BAD_STATUS_LINE;
    out->status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
    if (out->status < 100) return REFUSE_BAD_STATUS_LINE;
    out->reason = slice_skip(line, 12);
    if (out->reason.len == 0) return REFUSE_NONE;
    if (out->reason.at[0] != ' ') return REFUSE_BAD_STATUS_LINE;
    out->reason = slice_skip(out->reason, 1);
    return REFUSE_NONE;
}
