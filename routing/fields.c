// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <ctype.h>

#include "routing/site.h"

bool field_may_be_sent(struct slice name, struct slice value) {
    static const char *const ours[] = {"connection", "content-length",   "date",
                                       "keep-alive", "trailer",          "te",
                                       "upgrade",    "transfer-encoding"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (slice_equals_nocase(name, slice_of(ours[i]))) return false;
    return field_is_valid(name, value);
}

bool field_is_valid(struct slice name, struct slice value) {
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c >= 0x80 || (!isalnum(c) && !memchr("!#$%&'*+-.^_`|~", c, 15))) return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return name.len > 0 && name.len <= 256;
}
