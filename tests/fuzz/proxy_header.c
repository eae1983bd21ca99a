// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// A header means the same however many bytes stand behind it; every shorter piece of it wants more, and what was refused stays refused.
// A client that was read is read again from what is written about it.
#include "http/message/proxy_header.h"

#include "core/check.h"
#include "tests/fuzz/fuzz.h"

static void check_written(const struct address *client, int version) {
    char header[PROXY_HEADER_MAX];
    struct address again;
    size_t used;
    bool is_local;
    struct slice in = {header, proxy_header_write(header, version, client, client)};
    CHECK(in.len <= sizeof header);
    CHECK(proxy_header_parse(in, &used, &again, &is_local) == PROXY_DONE && used == in.len);
    CHECK(is_local == (version == 1 && client->any.sa_family == AF_UNIX));
    if (is_local) return;
    char text[ADDRESS_TEXT_MAX], text_again[ADDRESS_TEXT_MAX];
    CHECK(strcmp(address_format(client, text), address_format(&again, text_again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct slice in = {(const char *)bytes, len};
    struct address client;
    size_t whole = 0, used = 0;
    bool is_local = false;
    enum proxy_event end = proxy_header_parse(in, &whole, &client, &is_local);
    CHECK(end != PROXY_MORE || len < PROXY_HEADER_READ_MAX);
    CHECK(end != PROXY_DONE || (whole >= 15 && whole <= PROXY_HEADER_READ_MAX && whole <= len));
    if (end == PROXY_DONE && !is_local) check_written(&client, 1), check_written(&client, 2);
    enum proxy_event event = PROXY_MORE;
    for (in.len = 0; in.len <= len && event == PROXY_MORE; in.len++)
        event = proxy_header_parse(in, &used, &client, &is_local);
    CHECK(event == end && (event != PROXY_DONE || (used == whole && in.len - 1 == whole)));
    return 0;
}
