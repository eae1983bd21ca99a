// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// What a target is taken apart into makes the target again, and a host that was normalised stays as it is. The first byte chooses the
// method.
#include "http/message/target.h"

#include "core/check.h"
#include "core/hostname.h"
#include "tests/fuzz/fuzz.h"

static void check_authority(struct slice authority, struct arena *a) {
    struct slice host, again;
    int port, no_port;
    if (authority_read(authority, a, &host, &port) != REFUSE_NONE) return;
    CHECK(host.len > 0 && host.len <= HOSTNAME_MAX && port >= 0 && port <= 65535);
    CHECK(authority_read(host, a, &again, &no_port) == REFUSE_NONE);
    CHECK(no_port == 0 && slice_equals(host, again));
    for (size_t i = 0; i < host.len; i++) CHECK(host.at[i] > ' ' && host.at[i] < 0x7f);
}

static void check_target(struct slice text, enum method method) {
    struct target t;
    if (target_read(text, method, &t) != REFUSE_NONE) return;
    CHECK(t.path.len > 0);
    if (t.path.at[0] != '/') {
        CHECK(method == METHOD_OPTIONS && slice_equals(t.path, SLICE("*")) && !t.has_query);
        return;
    }
    CHECK((t.scheme.len > 0) == (t.authority.len > 0));
    CHECK(slice_find(t.path, '?') < 0 && slice_find(text, '#') < 0);
    CHECK(t.has_query || t.query.len == 0);
    if (t.scheme.len > 0) {
        CHECK(text.len >= t.scheme.len + 3 + t.authority.len + t.query.len);
        return;
    }
    CHECK(t.path.at == text.at && t.path.len + t.has_query + t.query.len == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    if (len < 1) return 0;
    struct arena *a = arena_new(4096, 1 << 20);
    struct slice text = {(const char *)bytes + 1, len - 1};
    check_target(text, bytes[0] & 1 ? METHOD_OPTIONS : METHOD_GET);
    check_authority(text, a);
    arena_free(a);
    return 0;
}
