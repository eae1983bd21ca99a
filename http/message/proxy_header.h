// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "core/address.h"
#include "core/slice.h"

// The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): who the client of a front proxy is. Pure.

enum proxy_event { PROXY_MORE, PROXY_DONE, PROXY_REFUSED };
// Reads a header of either version at the start of `in`. PROXY_DONE: `used` bytes of it; *client is the address it names,
// or *is_local is set: the front proxy speaks for itself (LOCAL, UNKNOWN). At most 107 bytes of version 1 and 536 of version 2 are waited for.
enum proxy_event proxy_header_parse(struct slice in, size_t *used, struct address *client,
                                    bool *is_local);

#define PROXY_HEADER_MAX 232
// The header to send; `version` 1 or 2. A client that is not TCP gives UNKNOWN or LOCAL. Returns its length.
size_t proxy_header_write(char to[PROXY_HEADER_MAX], int version, const struct address *client,
                          const struct address *local);
