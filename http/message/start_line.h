// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/message/head.h"

// The first line of a message, without its CRLF, by the letter of RFC 9112 sections 3 and 4: single spaces, nothing
// before or after. The slices found point into the line.

struct request_line {
    enum method method;
    struct slice method_text;
    struct slice target; // not looked at yet: target.h
    int minor_version;
};
enum refusal request_line_read(struct slice line, struct request_line *out);

struct status_line {
    int minor_version;
    int status; // 100 to 999
    struct slice reason;
};
enum refusal status_line_read(struct slice line, struct status_line *out);
