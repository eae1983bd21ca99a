// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "server/shares.h"

// One row of hipache's lists: "http://10.0.0.1:8000", "https://10.0.0.1/", with port 80 or 443 where none is written.

enum { WEIGHT_MAX = 1000 };

static char *address_of(struct slice url);

bool shares_put_hipache(struct shares *s, struct slice url, struct text *why) {
    struct share share;
    char *address = address_of(url);
    bool is_good = share_read(slice_of(address), SLICE("{}"), &share, why);
    free(address);
    if (!is_good) return false;
    const struct share *same = shares_find(s, share.address);
    if (same && same->settings.weight < WEIGHT_MAX)
        share.settings.weight = same->settings.weight + 1;
    is_good = shares_put(s, &share);
    if (!is_good) text_add(why, SLICE("there are too many"));
    free(share.address);
    return is_good;
}

static char *address_of(struct slice url) {
    bool is_tls = slice_starts_with(url, SLICE("https://"));
    if (is_tls || slice_starts_with(url, SLICE("http://"))) url = slice_skip(url, is_tls ? 8 : 7);
    struct slice host = slice_cut(&url, '/');
    bool is_v6 = host.len > 0 && host.at[0] == '[';
    const char *after = is_v6 ? memchr(host.at, ']', host.len) : host.at;
    bool has_port = after && memchr(after, ':', (size_t)(host.at + host.len - after));
    char *address;
    CHECK(asprintf(&address, "%s%.*s%s", is_tls ? "https://" : "", SLICE_ARGS(host),
                   has_port ? ""
                   : is_tls ? ":443"
                            : ":80") >= 0);
    return address;
}
