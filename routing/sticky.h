// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/siphash.h"

// A cookie that keeps a client with the member that it came to first. Its value is a keyed hash of the member's address: it says
// which member it is to those who have the secret, and nothing to anybody else.
struct sticky_conf {
    char *cookie;        // name; NULL: none
    char *secret;        // NULL: the id of this machine
    unsigned max_age_ms; // 0: until the browser is closed
    struct siphash_key key;
};

#define STICKY_TEXT_MAX 17 // 16 hexadecimal digits

// The key of a pool. A secret gives each pool another, so equal addresses in two pools have different values.
struct siphash_key sticky_key(struct slice secret, struct slice pool);
uint64_t sticky_value(const struct sticky_conf *c, struct slice member); // never 0
const char *sticky_format(uint64_t value, char buf[STICKY_TEXT_MAX]);
uint64_t sticky_parse(struct slice text); // 0: it is none
