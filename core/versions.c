// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/versions.h"

#include <ares.h>
#include <event2/event.h>
#include <idn2.h>
#include <lua.h>
#include <xxhash.h>

void versions_write(struct text *out) {
    unsigned xxhash = XXH_versionNumber();
    text_printf(out, "libevent %s\n", event_get_version());
    text_printf(out, "%s\n", LUA_RELEASE);
    text_printf(out, "c-ares %s\n", ares_version(NULL));
    text_printf(out, "xxHash %u.%u.%u\n", xxhash / 10000, xxhash / 100 % 100, xxhash % 100);
    text_printf(out, "libidn2 %s\n", idn2_check_version(NULL));
}
