// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Requests in any pieces give what they give whole. The first byte chooses limits and end, the second where to cut.
#include "core/check.h"
#include "tests/cases/transcript.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    if (len < 2) return 0;
    struct scenario s = {
        .is_request = true,
        .has_small_limits = bytes[0] & 1,
        .ends = bytes[0] & 2,
    };
    struct slice in = {(const char *)bytes + 2, len - 2};
    const size_t cuts[] = {0, bytes[1], CUT_EVERYWHERE};
    struct text out[3];
    for (int i = 0; i < 3; i++) {
        text_init(&out[i], 1 << 22);
        CHECK(transcript_write(&out[i], &s, in, cuts[i]));
        CHECK(slice_equals(text_slice(&out[0]), text_slice(&out[i])));
    }
    for (int i = 0; i < 3; i++) text_fini(&out[i]);
    return 0;
}
