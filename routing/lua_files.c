// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <ctype.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "routing/loader.h"

// The words that read other files: include "routes.d/*.lua" and require "name".

static char loaded_key;

static void include_path(struct loader *l, lua_State *L, const struct conf_spot *at,
                         const char *path);
static void push_loaded(lua_State *L);
static bool is_module_name(const char *name);
static bool find_module(struct loader *l, const char *name, const char **path, struct slice *text);

bool loader_run_file(struct loader *l, struct lua_State *L, const char *path, struct slice text) {
    const char *outer = l->file;
    struct script_failure why;
    l->file = conf_add_source(l->conf, path, text);
    bool has_run = script_run(L, path, text, &why);
    if (!has_run) {
        const char *file = conf_find_source(l->conf, why.file);
        struct conf_spot spot = {.file = file ? file : l->file, .line = why.line};
        conf_error(l->conf, &spot, "%s", text_string(&why.message));
        l->has_failed = true;
    }
    text_fini(&why.message);
    l->file = outer;
    return has_run;
}

int word_include(struct lua_State *L) {
    struct loader *l = loader_of(L);
    const char *pattern = luaL_checkstring(L, 1);
    struct conf_spot spot = loader_spot(l, L, "include", pattern);
    if (l->include_depth == INCLUDE_DEPTH_MAX) {
        conf_error(l->conf, &spot, "files include each other more than %d deep", INCLUDE_DEPTH_MAX);
        return 0;
    }
    l->include_depth++;
    const char *path = loader_beside(l, pattern);
    const char *const *paths;
    if (strpbrk(path, "*?[")) {
        size_t count = files_glob(l->files, path, &paths);
        for (size_t i = 0; i < count; i++) include_path(l, L, &spot, paths[i]);
    } else {
        include_path(l, L, &spot, path);
    }
    l->include_depth--;
    return 0;
}

// require "name" gives the value of NAME.lua ("a.b" is a/b.lua), which is run once.
int word_require(struct lua_State *L) {
    struct loader *l = loader_of(L);
    const char *name = luaL_checkstring(L, 1), *path;
    struct slice text;
    push_loaded(L);
    if (lua_getfield(L, -1, name) != LUA_TNIL) return 1;
    if (!is_module_name(name)) return luaL_error(L, "'%s' is no name of a module", name);
    if (l->include_depth == INCLUDE_DEPTH_MAX)
        return luaL_error(L, "modules require each other more than %d deep", INCLUDE_DEPTH_MAX);
    if (!find_module(l, name, &path, &text))
        return luaL_error(L, "there is no module '%s' in the folders of 'modules'", name);
    l->include_depth++;
    bool has_run = loader_run_file(l, L, path, text);
    l->include_depth--;
    if (!has_run) return luaL_error(L, "the module '%s' failed", name);
    if (lua_isnil(L, -1)) lua_pushboolean(L, 1);
    lua_pushvalue(L, -1);
    push_loaded(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
    return 1;
}

bool loader_add_modules(void *arg, const struct conf_spot *at, struct slice folder) {
    struct loader *l = arg;
    (void)at;
    pointers_add(&l->modules, arena_string(l->arena, folder));
    return true;
}

char *loader_beside(struct loader *l, const char *name) {
    const char *slash = strrchr(l->file, '/');
    if (name[0] == '/' || !slash) return arena_string(l->arena, slice_of(name));
    return (char *)arena_printf(l->arena, "%.*s/%s", (int)(slash - l->file), l->file, name).at;
}

static void include_path(struct loader *l, lua_State *L, const struct conf_spot *at,
                         const char *path) {
    struct slice text;
    char why[512];
    if (!files_read(l->files, path, &text, why, sizeof why))
        conf_error(l->conf, at, "%s", why);
    else if (conf_find_source(l->conf, path))
        conf_error(l->conf, at, "%s is read already", path);
    else if (loader_run_file(l, L, path, text))
        lua_pop(L, 1);
}

static void push_loaded(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &loaded_key);
}

// Letters, digits, '_' and '-', in parts between dots.
static bool is_module_name(const char *name) {
    if (!*name || strlen(name) > 128 || name[0] == '.' || strstr(name, "..")) return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("_-.", *name)) return false;
    return true;
}

// In the folders of `modules`; by default in "lua" beside the route file.
static bool find_module(struct loader *l, const char *name, const char **path, struct slice *text) {
    char why[512], file[160];
    size_t len = strlen(name);
    for (size_t i = 0; i <= len; i++) file[i] = name[i] == '.' ? '/' : name[i];
    if (l->modules.count == 0) {
        const char *slash = strrchr(l->config->path, '/');
        int folder = slash ? (int)(slash - l->config->path) + 1 : 0;
        pointers_add(&l->modules,
                     (void *)arena_printf(l->arena, "%.*slua", folder, l->config->path).at);
    }
    for (size_t i = 0; i < l->modules.count; i++) {
        *path = arena_printf(l->arena, "%s/%s.lua", (char *)l->modules.at[i], file).at;
        if (files_read(l->files, *path, text, why, sizeof why)) return true;
    }
    return false;
}
