// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/conf.h"

// Settings as text: how a value is written and read, without Lua.

struct unit {
    struct slice name;
    uint64_t factor;
};
#define UNIT(name, factor)                                                                         \
    { {(name), sizeof(name) - 1}, factor }
// Longest names last, so that printing finds the largest unit first from the end.
static const struct unit times[] = {UNIT("ms", 1), UNIT("s", 1000), UNIT("m", 60000),
                                    UNIT("h", 3600000), UNIT("d", 86400000)};
static const struct unit sizes[] = {UNIT("b", 1), UNIT("k", 1024), UNIT("m", 1048576),
                                    UNIT("g", 1073741824)};

static bool parse_with_unit(struct slice text, const struct unit *units, size_t count,
                            uint64_t *out);
static void print_with_unit(struct text *out, uint64_t n, const struct unit *units, size_t count);
static void print_field(const struct conf_field *f, const void *from, struct text *out);
static void print_networks(const struct networks *list, struct text *out);
static bool is_default(const struct conf_field *f, const void *from);

bool conf_parse_ms(struct slice text, uint64_t *ms) {
    return parse_with_unit(text, times, sizeof times / sizeof *times, ms);
}

bool conf_parse_bytes(struct slice text, uint64_t *bytes) {
    return parse_with_unit(text, sizes, sizeof sizes / sizeof *sizes, bytes);
}

void conf_set_defaults(const struct conf_table *t, void *out) {
    for (size_t i = 0; i < t->count; i++) {
        const struct conf_field *f = &t->fields[i];
        char *at = (char *)out + f->offset;
        switch (f->type) {
        case CONF_BOOL: *(bool *)at = f->fallback != 0; break;
        case CONF_UINT:
        case CONF_DECIMAL:
        case CONF_MS: *(unsigned *)at = (unsigned)f->fallback; break;
        case CONF_BYTES: *(uint64_t *)at = f->fallback; break;
        case CONF_CHOICE: *(int *)at = (int)f->fallback; break;
        case CONF_STRING:
        case CONF_WORD: *(const char **)at = f->text; break;
        case CONF_NETWORKS: *(struct networks *)at = (struct networks){NULL, 0}; break;
        case CONF_OWN:
        case CONF_NOT_YET: break;
        }
    }
}

struct slice conf_choice(const char *choices, int index) {
    struct slice rest = slice_of(choices), choice = slice_cut(&rest, '|');
    for (; index > 0 && rest.at; index--) choice = slice_cut(&rest, '|');
    return choice;
}

const char *conf_format_network(const struct network *n, char buf[NETWORK_TEXT_MAX]) {
    struct address a = {.len = 0};
    char ip[ADDRESS_TEXT_MAX];
    a.any.sa_family = (sa_family_t)n->family;
    if (n->family == AF_INET) memcpy(&a.v4.sin_addr, n->bytes, 4);
    if (n->family == AF_INET6) memcpy(&a.v6.sin6_addr, n->bytes, 16);
    address_format_ip(&a, ip);
    if (n->family == AF_UNIX)
        snprintf(buf, NETWORK_TEXT_MAX, "unix:");
    else
        snprintf(buf, NETWORK_TEXT_MAX, "%.50s/%d", ip, n->bits);
    return buf;
}

void conf_print(const struct conf_table *t, const void *from, bool all, struct text *out) {
    bool is_first = true;
    for (size_t i = 0; i < t->count; i++) {
        const struct conf_field *f = &t->fields[i];
        if (f->type == CONF_OWN || f->type == CONF_NOT_YET) continue;
        if (!all && is_default(f, from)) continue;
        bool is_absent = (f->type == CONF_STRING || f->type == CONF_WORD) &&
                         !*(const char *const *)((const char *)from + f->offset);
        if (is_absent) continue;
        text_printf(out, "%s%s = ", is_first ? "" : ", ", f->name);
        print_field(f, from, out);
        is_first = false;
    }
}

void conf_print_string(struct text *out, struct slice s) {
    text_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c == '\n')
            text_add(out, SLICE("\\n"));
        else if (c < 0x20 || c == 0x7f)
            text_printf(out, "\\%03u", c);
        else
            text_add_char(out, (char)c);
    }
    text_add_char(out, '"');
}

static bool parse_with_unit(struct slice text, const struct unit *units, size_t count,
                            uint64_t *out) {
    size_t digits = 0;
    uint64_t n;
    while (digits < text.len && isdigit((unsigned char)text.at[digits])) digits++;
    if (digits == 0 || !slice_to_u64((struct slice){text.at, digits}, &n)) return false;
    struct slice name = slice_skip(text, digits);
    for (size_t i = 0; i < count; i++)
        if (slice_equals_nocase(name, units[i].name))
            return !__builtin_mul_overflow(n, units[i].factor, out);
    return false;
}

static void print_with_unit(struct text *out, uint64_t n, const struct unit *units, size_t count) {
    size_t i = count - 1;
    while (i > 0 && (n == 0 || n % units[i].factor != 0)) i--;
    text_printf(out, "\"%llu%.*s\"", (unsigned long long)(n / units[i].factor),
                SLICE_ARGS(units[i].name));
}

static void print_field(const struct conf_field *f, const void *from, struct text *out) {
    const char *at = (const char *)from + f->offset;
    switch (f->type) {
    case CONF_BOOL: text_add(out, slice_of(*(const bool *)at ? "true" : "false")); break;
    case CONF_UINT: text_printf(out, "%u", *(const unsigned *)at); break;
    case CONF_DECIMAL: text_printf(out, "%g", *(const unsigned *)at / 1000.0); break;
    case CONF_MS:
        print_with_unit(out, *(const unsigned *)at, times, sizeof times / sizeof *times);
        break;
    case CONF_BYTES:
        if (*(const uint64_t *)at == UINT64_MAX)
            text_add(out, SLICE("\"unlimited\""));
        else
            print_with_unit(out, *(const uint64_t *)at, sizes, sizeof sizes / sizeof *sizes);
        break;
    case CONF_CHOICE: conf_print_string(out, conf_choice(f->choices, *(const int *)at)); break;
    case CONF_STRING:
    case CONF_WORD: conf_print_string(out, slice_of(*(const char *const *)at)); break;
    case CONF_NETWORKS: print_networks((const struct networks *)at, out); break;
    case CONF_OWN:
    case CONF_NOT_YET: break;
    }
}

static void print_networks(const struct networks *list, struct text *out) {
    text_add(out, SLICE("{ "));
    for (size_t i = 0; i < list->count; i++) {
        char buf[NETWORK_TEXT_MAX];
        text_printf(out, "%s\"%s\"", i > 0 ? ", " : "", conf_format_network(&list->at[i], buf));
    }
    text_add(out, SLICE(" }"));
}

static bool is_default(const struct conf_field *f, const void *from) {
    const char *at = (const char *)from + f->offset;
    switch (f->type) {
    case CONF_BOOL: return *(const bool *)at == (f->fallback != 0);
    case CONF_UINT:
    case CONF_DECIMAL:
    case CONF_MS: return *(const unsigned *)at == f->fallback;
    case CONF_BYTES: return *(const uint64_t *)at == f->fallback;
    case CONF_CHOICE: return *(const int *)at == (int)f->fallback;
    case CONF_NETWORKS: return ((const struct networks *)at)->count == 0;
    case CONF_STRING:
    case CONF_WORD: {
        const char *value = *(const char *const *)at;
        return value == f->text || (value && f->text && strcmp(value, f->text) == 0);
    }
    case CONF_OWN:
    case CONF_NOT_YET: break;
    }
    return true;
}
