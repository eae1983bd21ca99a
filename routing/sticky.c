// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/sticky.h"

#include <stdio.h>

struct siphash_key sticky_key(struct slice secret, struct slice pool) {
    struct siphash_key first = {siphash((struct siphash_key){1, 0}, secret),
                                siphash((struct siphash_key){2, 0}, secret)};
    struct siphash_key second = {siphash(first, pool), 0};
    second.k1 = siphash((struct siphash_key){first.k0, ~first.k1}, pool);
    return second;
}

uint64_t sticky_value(const struct sticky_conf *c, struct slice member) {
    uint64_t value = siphash(c->key, member);
    return value ? value : 1;
}

const char *sticky_format(uint64_t value, char buf[STICKY_TEXT_MAX]) {
    snprintf(buf, STICKY_TEXT_MAX, "%016llx", (unsigned long long)value);
    return buf;
}

uint64_t sticky_parse(struct slice text) {
    uint64_t value = 0;
    if (text.len != STICKY_TEXT_MAX - 1) return 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool is_letter = c >= 'a' && c <= 'f';
        if (!is_letter && (c < '0' || c > '9')) return 0;
        value = value << 4 | (uint64_t)(is_letter ? c - 'a' + 10 : c - '0');
    }
    return value;
}
