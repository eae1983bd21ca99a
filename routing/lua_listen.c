// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "routing/address_text.h"
#include "routing/loader.h"
#include "routing/settings.h"

// Who started rsp and his group; the same for the admin socket.
enum { UNIX_MODE = 0660 };

struct reading {
    struct loader *loader;
    const struct listen_conf *settings;
    bool is_tls;
};

static void read_part(struct loader *l, lua_State *L, const struct conf_spot *at, const char *key,
                      const struct conf_table *t, struct listen_conf *out);
static void read_addresses(struct loader *l, lua_State *L, const struct conf_spot *at,
                           const char *key, const struct listen_conf *settings);
static void read_mode(struct loader *l, lua_State *L, const struct conf_spot *at,
                      struct listen_conf *out);
static bool has_unix_socket(const struct loader *l, size_t first);
static bool add_address(void *arg, const struct conf_spot *at, struct slice text);

int word_listen(struct lua_State *L) {
    struct loader *l = loader_of(L);
    struct conf_spot spot = loader_spot(l, L, "listen", NULL);
    struct listen_conf settings = listen_defaults(&spot);
    conf_read(l->conf, L, 1, &spot, &LISTEN_SETTINGS, &settings);
    if (lua_type(L, 1) != LUA_TTABLE) return 0;
    read_part(l, L, &spot, "limits", &LISTEN_LIMITS_SETTINGS, &settings);
    read_part(l, L, &spot, "timeout", &LISTEN_TIMEOUT_SETTINGS, &settings);
    read_mode(l, L, &spot, &settings);
    if (settings.has_proxy_header && settings.trust.count == 0)
        conf_error_of_key(l->conf, &spot, "proxy_protocol",
                          "proxy_protocol needs trust = { ... }: whose header is believed");
    size_t before = l->listens.count, errors = conf_error_count(l->conf);
    read_addresses(l, L, &spot, "http", &settings);
    read_addresses(l, L, &spot, "https", &settings);
    if (l->listens.count == before && conf_error_count(l->conf) == errors)
        conf_error(l->conf, &spot, "needs http or https: where to listen");
    else if ((settings.mode != UNIX_MODE || settings.group) && !has_unix_socket(l, before))
        conf_error(l->conf, &spot, "'mode' and 'group' are for unix sockets, and there is none");
    return 0;
}

struct listen_conf listen_defaults(const struct conf_spot *at) {
    struct listen_conf settings = {.place = place_of(at), .mode = UNIX_MODE};
    conf_set_defaults(&LISTEN_SETTINGS, &settings);
    conf_set_defaults(&LISTEN_LIMITS_SETTINGS, &settings);
    conf_set_defaults(&LISTEN_TIMEOUT_SETTINGS, &settings);
    return settings;
}

void listen_add(struct loader *l, const struct conf_spot *at, struct slice text, bool is_tls,
                const struct listen_conf *settings) {
    struct listen_conf *made = arena_alloc(l->arena, sizeof *made);
    char buf[ADDRESS_TEXT_MAX];
    *made = *settings;
    made->is_tls = is_tls;
    if (!listen_address_parse(text, &made->address)) {
        conf_error(l->conf, at,
                   "\"%.*s\" is no address to listen on: write a port, \"127.0.0.1:8080\", "
                   "\"[::1]:8080\" or \"unix:/path\"",
                   SLICE_ARGS(text));
        return;
    }
    for (size_t i = 0; i < l->listens.count; i++) {
        const struct listen_conf *other = l->listens.at[i];
        if (!address_equals(&other->address, &made->address)) continue;
        conf_error(l->conf, at, "\"%.*s\" is listened on already, at %s:%d", SLICE_ARGS(text),
                   other->place.file, other->place.line);
        return;
    }
    if (l->listens.count == LISTENS_MAX)
        conf_error(l->conf, at, "more than %d addresses to listen on", LISTENS_MAX);
    if (l->listens.count >= LISTENS_MAX) return;
    made->text = arena_string(l->arena, slice_of(address_format(&made->address, buf)));
    pointers_add(&l->listens, made);
}

static void read_part(struct loader *l, lua_State *L, const struct conf_spot *at, const char *key,
                      const struct conf_table *t, struct listen_conf *out) {
    struct conf_spot spot = {.up = at, .key = key};
    if (lua_getfield(L, 1, key) != LUA_TNIL) conf_read(l->conf, L, -1, &spot, t, out);
    lua_pop(L, 1);
}

// "0660". A number would be read as decimal, so it is refused.
static void read_mode(struct loader *l, lua_State *L, const struct conf_spot *at,
                      struct listen_conf *out) {
    int type = lua_getfield(L, 1, "mode");
    const char *text = type == LUA_TSTRING ? lua_tostring(L, -1) : "";
    size_t len = strspn(text, "01234567");
    bool is_good = len >= 3 && len <= 4 && !text[len] && strtoul(text, NULL, 8) <= 0777;
    if (is_good)
        out->mode = (unsigned)strtoul(text, NULL, 8);
    else if (type != LUA_TNIL)
        conf_error_of_key(l->conf, at, "mode", "mode needs a string such as \"0660\"");
    lua_pop(L, 1);
}

static bool has_unix_socket(const struct loader *l, size_t first) {
    for (size_t i = first; i < l->listens.count; i++)
        if (((struct listen_conf *)l->listens.at[i])->address.any.sa_family == AF_UNIX) return true;
    return false;
}

// A number, a string or a list of both.
static void read_addresses(struct loader *l, lua_State *L, const struct conf_spot *at,
                           const char *key, const struct listen_conf *settings) {
    struct conf_spot spot = {.up = at, .key = key};
    struct reading reading = {l, settings, key[4] == 's'};
    int type = lua_getfield(L, 1, key);
    if (type == LUA_TNUMBER) lua_tostring(L, -1);
    if (type == LUA_TTABLE) {
        lua_newtable(L);
        for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -2); i++) {
            if (lua_rawgeti(L, -2, i) == LUA_TNUMBER) lua_tostring(L, -1);
            lua_rawseti(L, -2, i);
        }
        lua_remove(L, -2);
    }
    if (type != LUA_TNIL) conf_read_strings(l->conf, L, -1, &spot, add_address, &reading);
    lua_pop(L, 1);
}

static bool add_address(void *arg, const struct conf_spot *at, struct slice text) {
    struct reading *reading = arg;
    size_t errors = conf_error_count(reading->loader->conf);
    listen_add(reading->loader, at, text, reading->is_tls, reading->settings);
    return conf_error_count(reading->loader->conf) == errors;
}
