// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/message/head.h"

// Where a message ends (RFC 9112 section 6.3), from its fields alone. One function per direction; nothing else decides it.

// A request's Transfer-Encoding must be exactly "chunked" and the version 1.1; Content-Length one number up to 2^63 - 1;
// never both. Without either there is no body.
enum refusal framing_of_request(const struct fields *f, int minor_version, struct framing *out);

// Answers to HEAD, 1xx, 204 and 304 have no body whatever the fields say; the fields must be sound all the same. An
// answer with both Content-Length and Transfer-Encoding is refused: RFC 9112 lets a proxy believe the coding, but
// such an answer comes from a broken backend or from a split one, and either way its bytes would be shown to the wrong reader.
enum refusal framing_of_response(const struct fields *f, int minor_version, int status,
                                 enum method answers, struct framing *out);
