// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>
#include <time.h>

#include "core/log.h"
#include "core/script.h"

// What of Lua's libraries the route file may use. The count hook does not fire inside C functions, so those that can run long on
// small input have limits of their own here.
enum { REPEAT_MAX_BYTES = 1 << 20, MOVE_MAX = 1000000, NS_PER_STEP = 5 };
// A match with p repetitions may look at a subject of n bytes n^p times (once more without an anchor).
static const double MATCH_MAX_STEPS = 1e8, MATCH_CHEAP_STEPS = 1e5;

static void push_base(lua_State *L);
static void add_library(lua_State *L, const char *name, lua_CFunction open);
static void guard_strings(lua_State *L);
static void guard_coroutines(lua_State *L);
static void reduce_os(lua_State *L);
static void protect(lua_State *L);
static int on_library_assign(lua_State *L);
static int guarded_setmetatable(lua_State *L);
static int guarded_xpcall(lua_State *L);
static int finish_xpcall(lua_State *L, int status, lua_KContext unused);
static int guarded_wrap(lua_State *L);
static int resume_wrapped(lua_State *L);
static int guarded_close(lua_State *L);
static int guarded_match(lua_State *L);
static int guarded_rep(lua_State *L);
static int guarded_move(lua_State *L);
static int log_print(lua_State *L);
static double worst_steps(struct slice pattern, size_t subject_len, int *repetitions);
static size_t end_of_set(struct slice pattern, size_t i);
static uint64_t cpu_ns(void);

void script_push_names(struct lua_State *L) {
    push_base(L);
    add_library(L, "string", luaopen_string);
    add_library(L, "table", luaopen_table);
    add_library(L, "math", luaopen_math);
    add_library(L, "utf8", luaopen_utf8);
    add_library(L, "coroutine", luaopen_coroutine);
    add_library(L, "os", luaopen_os);
}

static void push_base(lua_State *L) {
    static const char *const kept[] = {
        "assert", "error",  "ipairs", "next",     "pairs",    "pcall", "rawequal", "rawget",
        "rawlen", "rawset", "select", "tonumber", "tostring", "type",  "xpcall",   "getmetatable"};
    luaL_requiref(L, "_G", luaopen_base, 0);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        lua_getfield(L, -2, kept[i]);
        lua_setfield(L, -2, kept[i]);
    }
    lua_getfield(L, -2, "setmetatable");
    lua_pushcclosure(L, guarded_setmetatable, 1);
    lua_setfield(L, -2, "setmetatable");
    lua_pushcfunction(L, guarded_xpcall);
    lua_setfield(L, -2, "xpcall");
    lua_pushcfunction(L, log_print);
    lua_setfield(L, -2, "print");
    lua_remove(L, -2);
}

// Adds the library, read-only, to the table on top.
static void add_library(lua_State *L, const char *name, lua_CFunction open) {
    luaL_requiref(L, name, open, 0);
    if (open == luaopen_string) guard_strings(L);
    if (open == luaopen_os) reduce_os(L);
    if (open == luaopen_table) {
        lua_getfield(L, -1, "move");
        lua_pushcclosure(L, guarded_move, 1);
        lua_setfield(L, -2, "move");
    }
    if (open == luaopen_coroutine) guard_coroutines(L);
    protect(L);
    lua_setfield(L, -2, name);
}

static void guard_strings(lua_State *L) {
    static const char *const matching[] = {"find", "match", "gmatch", "gsub"};
    for (size_t i = 0; i < sizeof matching / sizeof *matching; i++) {
        lua_getfield(L, -1, matching[i]);
        lua_pushstring(L, matching[i]);
        lua_pushcclosure(L, guarded_match, 2);
        lua_setfield(L, -2, matching[i]);
    }
    lua_getfield(L, -1, "rep");
    lua_pushcclosure(L, guarded_rep, 1);
    lua_setfield(L, -2, "rep");
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

static void guard_coroutines(lua_State *L) {
    lua_pushcfunction(L, guarded_wrap);
    lua_setfield(L, -2, "wrap");
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, guarded_close, 1);
    lua_setfield(L, -2, "close");
}

static void reduce_os(lua_State *L) {
    static const char *const kept[] = {"time", "date", "clock", "getenv"};
    lua_createtable(L, 0, 4);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        lua_getfield(L, -2, kept[i]);
        lua_setfield(L, -2, kept[i]);
    }
    lua_remove(L, -2);
}

// Puts an empty table that looks up in it in place of the table on top.
static void protect(lua_State *L) {
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, on_library_assign);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

static int on_library_assign(lua_State *L) {
    return luaL_error(L, "the library cannot be changed ('%s')", luaL_tolstring(L, 2, NULL));
}

// Finalizers run without the count hook, so there are none.
static int guarded_setmetatable(lua_State *L) {
    if (lua_type(L, 2) == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "setmetatable: '__gc' is not available");
        lua_pop(L, 1);
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

// An error that a hook raises leaves hooks off until the stack is unwound. So the handler of xpcall runs after that, and a coroutine that
// died of an error is never closed: its __close functions would run without a budget.
static int guarded_xpcall(lua_State *L) {
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 0, 0, finish_xpcall);
    return finish_xpcall(L, status, 0);
}

static int finish_xpcall(lua_State *L, int status, lua_KContext unused) {
    (void)unused;
    bool is_good = status == LUA_OK || status == LUA_YIELD;
    if (!is_good) {
        lua_pushvalue(L, 2);
        lua_insert(L, -2);
        lua_call(L, 1, 1);
    }
    lua_pushboolean(L, is_good);
    lua_replace(L, 2);
    return lua_gettop(L) - 1;
}

static int guarded_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *thread = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, thread, 1);
    lua_pushcclosure(L, resume_wrapped, 1);
    return 1;
}

static int resume_wrapped(lua_State *L) {
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    int count = lua_gettop(L), results;
    bool is_resumable = lua_status(thread) == LUA_YIELD ||
                        (lua_status(thread) == LUA_OK && lua_gettop(thread) > 0 && thread != L);
    if (!is_resumable || !lua_checkstack(thread, count))
        return luaL_error(L, "cannot resume this coroutine");
    lua_xmove(L, thread, count);
    int status = lua_resume(thread, L, count, &results);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(thread, L, 1);
        return lua_error(L);
    }
    luaL_checkstack(L, results, NULL);
    lua_xmove(thread, L, results);
    return results;
}

static int guarded_close(lua_State *L) {
    lua_State *thread = lua_tothread(L, 1);
    if (!thread || lua_status(thread) == LUA_OK || lua_status(thread) == LUA_YIELD)
        return lua_tocfunction(L, lua_upvalueindex(1))(L);
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "the coroutine ended with an error");
    return 2;
}

// What could be expensive is timed, and the time is taken from the budget of steps.
static int guarded_match(lua_State *L) {
    lua_CFunction match = lua_tocfunction(L, lua_upvalueindex(1));
    size_t len, pattern_len;
    luaL_checklstring(L, 1, &len);
    const char *pattern = luaL_checklstring(L, 2, &pattern_len);
    int repetitions;
    double steps = worst_steps((struct slice){pattern, pattern_len}, len, &repetitions);
    script_charge(L, len / 16 + 1);
    const char *name = lua_tostring(L, lua_upvalueindex(2));
    bool is_plain = strcmp(name, "find") == 0 && lua_toboolean(L, 4);
    if (steps <= MATCH_CHEAP_STEPS || is_plain) return match(L);
    if (steps > MATCH_MAX_STEPS)
        return luaL_error(L,
                          "string.%s: a pattern with %d repetitions over %d bytes takes too long",
                          name, repetitions, (int)len);
    uint64_t begin = cpu_ns();
    int results = match(L);
    script_charge(L, (cpu_ns() - begin) / NS_PER_STEP);
    return results;
}

static int guarded_rep(lua_State *L) {
    size_t len, separator_len = 0;
    luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &separator_len);
    size_t one = len + separator_len;
    if (n > 0 && one > 0 && (lua_Unsigned)n > REPEAT_MAX_BYTES / one)
        return luaL_error(L, "string.rep: the result has more than %d bytes", REPEAT_MAX_BYTES);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int guarded_move(lua_State *L) {
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from >= MOVE_MAX)
        return luaL_error(L, "table.move: more than %d items", MOVE_MAX);
    if (to >= from) script_charge(L, (lua_Unsigned)(to - from) + 1);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int log_print(lua_State *L) {
    luaL_Buffer line;
    int count = lua_gettop(L);
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&line, ' ');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    log_info("%s", lua_tostring(L, -1));
    return 0;
}

static double worst_steps(struct slice pattern, size_t subject_len, int *repetitions) {
    bool is_anchored = pattern.len > 0 && pattern.at[0] == '^';
    int count = 0;
    double steps = 1;
    for (size_t i = is_anchored; i < pattern.len; i++) {
        char c = pattern.at[i];
        if (c == '%' && i + 1 < pattern.len) {
            i++;
            if (pattern.at[i] == 'b' || (pattern.at[i] >= '1' && pattern.at[i] <= '9')) count++;
        } else if (c == '[') {
            i = end_of_set(pattern, i);
        } else if (c == '*' || c == '+' || c == '-') {
            count++;
        } else if (c == '?') {
            steps *= 2;
        }
    }
    *repetitions = count;
    for (int i = 0; i < count + !is_anchored && steps <= MATCH_MAX_STEPS; i++)
        steps *= (double)subject_len + 1;
    return steps;
}

// The position of the ']' that closes the set which begins at i (a ']' at its beginning is a member).
static size_t end_of_set(struct slice pattern, size_t i) {
    i++;
    if (i < pattern.len && pattern.at[i] == '^') i++;
    if (i < pattern.len && pattern.at[i] == ']') i++;
    for (; i < pattern.len && pattern.at[i] != ']'; i++)
        if (pattern.at[i] == '%') i++;
    return i;
}

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
