// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// A normalised name is its own normal form, has only bytes that a host name has, and ports, dots and letter case do not change it.
#include "core/hostname.h"

#include <ctype.h>

#include "core/check.h"
#include "tests/fuzz/fuzz.h"

static void check_form(const char *name, size_t len) {
    CHECK(len <= HOSTNAME_MAX && name[len] == '\0' && strlen(name) == len);
    bool is_v6 = name[0] == '[';
    CHECK(!is_v6 || name[len - 1] == ']');
    for (size_t i = 0; i < len; i++) {
        bool is_plain = islower((unsigned char)name[i]) || isdigit((unsigned char)name[i]) ||
                        strchr("-._", name[i]);
        CHECK(is_plain || (is_v6 && strchr("[]:", name[i])));
    }
}

static void check_same(struct slice name, const char *wanted, size_t wanted_len) {
    char out[HOSTNAME_MAX + 1];
    CHECK(hostname_normalise(name, out) == wanted_len && strcmp(out, wanted) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    char name[HOSTNAME_MAX + 1], variant[HOSTNAME_MAX + 8];
    size_t name_len = hostname_normalise((struct slice){(const char *)bytes, len}, name);
    if (name_len == 0) return 0;
    check_form(name, name_len);
    check_same((struct slice){name, name_len}, name, name_len);
    for (size_t i = 0; i < name_len; i++) variant[i] = (char)toupper((unsigned char)name[i]);
    check_same((struct slice){variant, name_len}, name, name_len);
    struct slice suffix = name[0] == '[' ? SLICE(":8080") : SLICE(".:8080");
    memcpy(variant + name_len, suffix.at, suffix.len);
    check_same((struct slice){variant, name_len + suffix.len}, name, name_len);
    return 0;
}
