// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/conf.h"

#include <lauxlib.h>
#include <lua.h>

#include "core/suggest.h"

enum { ITEMS_MAX = 100000 };

// What one reading of a value passes along.
struct reading {
    struct conf *conf;
    const struct conf_spot *at;
    const struct conf_field *field;
    void *member;
};

static bool is_item(lua_State *L, int table, int key);
static const struct conf_field *find_field(const struct conf_table *t, const char *name);
static void say_unknown(struct conf *c, const struct conf_spot *at, const struct conf_table *t,
                        const char *key);
static bool read_bool(struct reading *r, lua_State *L, int index);
static bool read_uint(struct reading *r, lua_State *L, int index);
static bool read_decimal(struct reading *r, lua_State *L, int index);
static bool read_ms(struct reading *r, lua_State *L, int index);
static bool read_bytes(struct reading *r, lua_State *L, int index);
static bool read_string(struct reading *r, lua_State *L, int index);
static bool read_choice(struct reading *r, lua_State *L, int index);
static bool read_networks(struct reading *r, lua_State *L, int index);
static bool read_nothing(struct reading *r, lua_State *L, int index);
static bool refuse(struct reading *r, lua_State *L, int index);
static bool add_network(void *arg, const struct conf_spot *at, struct slice text);
static size_t round_up(size_t n);
static bool wants(struct reading *r, lua_State *L, int index, const char *what);
static void add_value(struct text *out, lua_State *L, int index);

typedef bool read_fn(struct reading *r, lua_State *L, int index);
static read_fn *const readers[] = {
    [CONF_BOOL] = read_bool,         [CONF_UINT] = read_uint,       [CONF_MS] = read_ms,
    [CONF_BYTES] = read_bytes,       [CONF_STRING] = read_string,   [CONF_WORD] = read_choice,
    [CONF_CHOICE] = read_choice,     [CONF_OWN] = read_nothing,     [CONF_NOT_YET] = refuse,
    [CONF_NETWORKS] = read_networks, [CONF_DECIMAL] = read_decimal,
};

bool conf_read(struct conf *c, struct lua_State *L, int index, const struct conf_spot *at,
               const struct conf_table *t, void *out) {
    size_t errors = conf_error_count(c);
    luaL_checkstack(L, 8, NULL);
    index = lua_absindex(L, index);
    if (lua_type(L, index) != LUA_TTABLE) {
        conf_error(c, at, "needs a table { ... }, not a %s", luaL_typename(L, index));
        return false;
    }
    struct conf_key_line *lines;
    size_t count = conf_key_lines(c, at, &lines);
    conf_say_doubles(c, at, lines, count);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            const char *key = lua_tostring(L, -2);
            const struct conf_field *f = find_field(t, key);
            struct conf_spot spot = {.up = at, .key = key};
            if (f)
                conf_read_value(c, L, -1, &spot, f, out);
            else
                say_unknown(c, at, t, key);
        } else if (!t->has_items || !is_item(L, index, -2)) {
            struct conf_spot spot = {.up = at, .item = (int)lua_tointeger(L, -2)};
            conf_error(c, &spot,
                       t->has_items ? "is no part of the list, which ends before it"
                                    : "has no name; write NAME = VALUE");
        }
        lua_pop(L, 1);
    }
    return conf_error_count(c) == errors;
}

bool conf_read_value(struct conf *c, struct lua_State *L, int index, const struct conf_spot *at,
                     const struct conf_field *f, void *out) {
    struct reading r = {c, at, f, (char *)out + f->offset};
    return readers[f->type](&r, L, lua_absindex(L, index));
}

bool conf_read_strings(struct conf *c, struct lua_State *L, int index, const struct conf_spot *at,
                       conf_each_fn *each, void *arg) {
    size_t errors = conf_error_count(c), len;
    index = lua_absindex(L, index);
    struct reading r = {.conf = c, .at = at};
    if (lua_type(L, index) == LUA_TSTRING) {
        const char *text = lua_tolstring(L, index, &len);
        return each(arg, at, (struct slice){text, len});
    }
    if (lua_type(L, index) != LUA_TTABLE)
        return wants(&r, L, index, "a string or a list of strings");
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    if (count > ITEMS_MAX) {
        conf_error(c, at, "has more than %d items", ITEMS_MAX);
        return false;
    }
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (is_item(L, index, -1)) continue;
        conf_error(c, at, "is a list: no names and no gaps in it");
        lua_pop(L, 1);
        return false;
    }
    for (lua_Integer i = 1; i <= count; i++) {
        struct conf_spot item = {.up = at, .item = (int)i};
        r.at = &item;
        lua_rawgeti(L, index, i);
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
        if (text)
            each(arg, &item, (struct slice){text, len});
        else
            wants(&r, L, lua_gettop(L), "a string");
        lua_pop(L, 1);
    }
    return conf_error_count(c) == errors;
}

// Is this key one of 1 to the length of the table?
static bool is_item(lua_State *L, int table, int key) {
    if (!lua_isinteger(L, key)) return false;
    lua_Integer n = lua_tointeger(L, key);
    return n >= 1 && (lua_Unsigned)n <= lua_rawlen(L, table);
}

static const struct conf_field *find_field(const struct conf_table *t, const char *name) {
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->fields[i].name, name) == 0) return &t->fields[i];
    return NULL;
}

static void say_unknown(struct conf *c, const struct conf_spot *at, const struct conf_table *t,
                        const char *key) {
    struct suggestion suggestion = {.wrong = key};
    char buf[SUGGEST_MAX];
    if (t->mistaken_for && find_field(t->mistaken_for, key)) {
        conf_error_of_key(c, at, key, "unknown key '%s': %s", key, t->instead);
        return;
    }
    const char *hint = conf_hint(c, key);
    if (hint) {
        conf_error_of_key(c, at, key, "unknown key '%s': %s", key, hint);
        return;
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->fields[i].type != CONF_NOT_YET) suggest_try(&suggestion, t->fields[i].name);
    conf_error_of_key(c, at, key, "unknown key '%s'%s", key, suggest_text(&suggestion, buf));
}

static bool read_bool(struct reading *r, lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TBOOLEAN) return wants(r, L, index, "true or false");
    *(bool *)r->member = lua_toboolean(L, index);
    return true;
}

static bool read_uint(struct reading *r, lua_State *L, int index) {
    const struct conf_field *f = r->field;
    lua_Integer n = lua_tointeger(L, index);
    bool is_whole = lua_type(L, index) == LUA_TNUMBER && lua_isinteger(L, index);
    if (!is_whole || n < 0 || (uint64_t)n < f->least || (uint64_t)n > f->most) {
        char what[96];
        snprintf(what, sizeof what, "a whole number from %llu to %llu",
                 (unsigned long long)f->least, (unsigned long long)f->most);
        return wants(r, L, index, what);
    }
    *(unsigned *)r->member = (unsigned)n;
    return true;
}

static bool read_decimal(struct reading *r, lua_State *L, int index) {
    const struct conf_field *f = r->field;
    double n = lua_tonumber(L, index) * 1000;
    bool is_number = lua_type(L, index) == LUA_TNUMBER;
    if (!is_number || !(n >= (double)f->least && n <= (double)f->most)) {
        char what[96];
        snprintf(what, sizeof what, "a number from %g to %g", (double)f->least / 1000,
                 (double)f->most / 1000);
        return wants(r, L, index, what);
    }
    *(unsigned *)r->member = (unsigned)(n + 0.5);
    return true;
}

static bool read_ms(struct reading *r, lua_State *L, int index) {
    const struct conf_field *f = r->field;
    uint64_t ms = 0;
    size_t len = 0;
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
    if (!text || !conf_parse_ms((struct slice){text, len}, &ms))
        return wants(r, L, index,
                     "a duration with a unit, such as \"250ms\", \"5s\", \"2m\" or \"1h\"");
    if (ms < f->least || ms > f->most) {
        conf_error(r->conf, r->at, "\"%s\" is out of range: from %llu ms to %llu s", text,
                   (unsigned long long)f->least, (unsigned long long)f->most / 1000);
        return false;
    }
    *(unsigned *)r->member = (unsigned)ms;
    return true;
}

static bool read_bytes(struct reading *r, lua_State *L, int index) {
    const struct conf_field *f = r->field;
    uint64_t bytes = 0;
    size_t len = 0;
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
    struct slice s = {text, len};
    if (text && f->most == UINT64_MAX && slice_equals(s, SLICE("unlimited"))) {
        *(uint64_t *)r->member = UINT64_MAX;
        return true;
    }
    if (!text || !conf_parse_bytes(s, &bytes))
        return wants(r, L, index,
                     "a size with a unit, such as \"512b\", \"64k\", \"10m\" or \"1g\"");
    if (bytes < f->least || bytes > f->most) {
        conf_error(r->conf, r->at, "\"%s\" is out of range: from %llu to %llu bytes", text,
                   (unsigned long long)f->least, (unsigned long long)f->most);
        return false;
    }
    *(uint64_t *)r->member = bytes;
    return true;
}

static bool read_string(struct reading *r, lua_State *L, int index) {
    size_t len = 0;
    if (lua_type(L, index) != LUA_TSTRING) return wants(r, L, index, "a string");
    const char *text = lua_tolstring(L, index, &len);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f) continue;
        conf_error(r->conf, r->at, "has a control byte in it");
        return false;
    }
    if (len == 0) {
        conf_error(r->conf, r->at, "is empty");
        return false;
    }
    *(char **)r->member = arena_string(conf_arena(r->conf), (struct slice){text, len});
    return true;
}

static bool read_choice(struct reading *r, lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TSTRING) return wants(r, L, index, "a string");
    const char *text = lua_tostring(L, index);
    struct suggestion suggestion = {.wrong = text};
    struct arena *a = conf_arena(r->conf);
    struct slice rest = slice_of(r->field->choices);
    for (int i = 0; rest.at; i++) {
        char *choice = arena_string(a, slice_cut(&rest, '|'));
        suggest_try(&suggestion, choice);
        if (strcmp(choice, text) != 0) continue;
        if (r->field->type == CONF_CHOICE)
            *(int *)r->member = i;
        else
            *(char **)r->member = choice;
        return true;
    }
    char buf[SUGGEST_MAX];
    struct text choices;
    text_init(&choices, 512);
    for (rest = slice_of(r->field->choices); rest.at;) {
        if (choices.len > 0) text_add(&choices, SLICE(", "));
        text_add(&choices, slice_cut(&rest, '|'));
    }
    conf_error(r->conf, r->at, "\"%s\" is none of %s%s", text, text_string(&choices),
               suggest_text(&suggestion, buf));
    text_fini(&choices);
    return false;
}

static bool read_networks(struct reading *r, lua_State *L, int index) {
    *(struct networks *)r->member = (struct networks){NULL, 0};
    return conf_read_strings(r->conf, L, index, r->at, add_network, r);
}

static bool add_network(void *arg, const struct conf_spot *at, struct slice text) {
    struct reading *r = arg;
    struct networks *list = r->member;
    struct network found[3];
    size_t count = 0;
    if (slice_equals(text, SLICE("all"))) {
        network_parse(SLICE("0.0.0.0/0"), &found[0]);
        network_parse(SLICE("::/0"), &found[1]);
        network_parse(SLICE("unix:"), &found[2]);
        count = 3;
    } else if (network_parse(text, &found[0])) {
        count = 1;
    } else {
        conf_error(r->conf, at,
                   "\"%.*s\" is no network: write \"10.0.0.0/8\" (no bits set behind the /), "
                   "\"2001:db8::/32\", \"192.0.2.7\", \"unix:\" or \"all\"",
                   SLICE_ARGS(text));
        return false;
    }
    size_t room = round_up(list->count), wanted = round_up(list->count + count);
    if (wanted > room) {
        struct network *all = arena_alloc(conf_arena(r->conf), wanted * sizeof *all);
        if (list->count > 0) memcpy(all, list->at, list->count * sizeof *all);
        list->at = all;
    }
    memcpy(list->at + list->count, found, count * sizeof *found);
    list->count += count;
    return true;
}

// The room that a list of n items has: a power of two.
static size_t round_up(size_t n) {
    size_t room = n > 0 ? 1 : 0;
    while (room < n) room *= 2;
    return room;
}

static bool read_nothing(struct reading *r, lua_State *L, int index) {
    (void)r, (void)L, (void)index;
    return true;
}

static bool refuse(struct reading *r, lua_State *L, int index) {
    (void)L, (void)index;
    conf_error_of_key(r->conf, r->at->up, r->at->key, "'%s' is not yet available in this version",
                      r->at->key);
    return false;
}

static bool wants(struct reading *r, lua_State *L, int index, const char *what) {
    struct text value;
    text_init(&value, 100);
    add_value(&value, L, index);
    conf_error(r->conf, r->at, "needs %s, not %s", what, text_string(&value));
    text_fini(&value);
    return false;
}

static void add_value(struct text *out, lua_State *L, int index) {
    size_t len;
    switch (lua_type(L, index)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(L, index, &len);
        conf_print_string(out, (struct slice){text, len});
        break;
    }
    case LUA_TNUMBER:
        lua_pushvalue(L, index);
        text_add(out, slice_of(lua_tostring(L, -1)));
        lua_pop(L, 1);
        break;
    case LUA_TBOOLEAN: text_add(out, slice_of(lua_toboolean(L, index) ? "true" : "false")); break;
    default: text_printf(out, "a %s", luaL_typename(L, index)); break;
    }
}
