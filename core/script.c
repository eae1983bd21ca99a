// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/script.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "core/suggest.h"

// Everything that can raise a Lua error runs below a lua_pcall: an error outside of one would end the worker.
enum { HOOK_STEPS = 1000, THREADS_MAX = 16, RESULTS_MAX = 4, MESSAGE_MAX = 8192 };

struct script {
    lua_State *L;
    struct script_limits limits;
    size_t used_bytes, most_bytes;
    uint64_t steps_left;
    bool is_sealed;
    int names, env; // references
    hint_fn *hint;  // NULL: none
    lua_State *threads[THREADS_MAX];
    int thread_refs[THREADS_MAX];
    int thread_count;
};

struct chunk {
    const char *name;
    struct slice text;
    struct script_failure *why;
};

struct activation {
    struct script *script;
    const struct script_call *call;
    struct text *why;
    bool succeeded;
};

static void *allocate(void *arg, void *old, size_t old_bytes, size_t bytes);
static int on_panic(lua_State *L);
static void on_count(lua_State *L, lua_Debug *ar);
static int open_state(lua_State *L);
static int on_unknown_name(lua_State *L);
static int on_new_global(lua_State *L);
static int run_chunk(lua_State *L);
static int on_chunk_error(lua_State *L);
static void note_syntax_error(lua_State *L, const struct chunk *chunk);
static const char *text_of_error(lua_State *L, int index);
static int run_activation(lua_State *L);
static lua_State *borrow_thread(struct script *s, int *ref);
static void return_thread(struct script *s, lua_State *thread, int ref, int status);
static void say_traceback(lua_State *thread, struct text *why);

const struct script_limits SCRIPT_LIMITS = {.load_bytes = 768u << 20,
                                            .call_bytes = 64u << 20,
                                            .load_steps = 500000000,
                                            .call_steps = 5000000};

struct script *script_new(const struct script_limits *limits) {
    struct script *s = calloc(1, sizeof *s);
    CHECK(s);
    s->limits = *limits;
    s->most_bytes = limits->load_bytes;
    s->steps_left = limits->load_steps;
    s->L = lua_newstate(allocate, s);
    CHECK(s->L);
    lua_atpanic(s->L, on_panic);
    *(struct script **)lua_getextraspace(s->L) = s;
    lua_pushcfunction(s->L, open_state);
    CHECK(lua_pcall(s->L, 0, 0, 0) == LUA_OK);
    lua_sethook(s->L, on_count, LUA_MASKCOUNT, HOOK_STEPS);
    return s;
}

void script_free(struct script *s) {
    if (!s) return;
    lua_close(s->L);
    free(s);
}

struct lua_State *script_lua(struct script *s) {
    return s->L;
}

struct script *script_of(struct lua_State *L) {
    return *(struct script **)lua_getextraspace(L);
}

void script_set_name(struct script *s, const char *name) {
    lua_rawgeti(s->L, LUA_REGISTRYINDEX, s->names);
    lua_insert(s->L, -2);
    lua_pushstring(s->L, name);
    lua_insert(s->L, -2);
    lua_rawset(s->L, -3);
    lua_pop(s->L, 1);
}

void script_set_hint(struct script *s, hint_fn *hint) {
    s->hint = hint;
}

void script_on_assign(struct script *s, script_fn *on_assign) {
    lua_rawgeti(s->L, LUA_REGISTRYINDEX, s->env);
    lua_getmetatable(s->L, -1);
    lua_pushcfunction(s->L, on_new_global);
    if (on_assign) {
        lua_pop(s->L, 1);
        lua_pushcfunction(s->L, on_assign);
    }
    lua_setfield(s->L, -2, "__newindex");
    lua_pop(s->L, 2);
}

bool script_run(struct lua_State *L, const char *name, struct slice text,
                struct script_failure *why) {
    *why = (struct script_failure){.line = 0};
    text_init(&why->message, MESSAGE_MAX);
    struct chunk chunk = {name, text, why};
    lua_pushcfunction(L, run_chunk);
    lua_pushlightuserdata(L, &chunk);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK) return true;
    // What run_chunk raises itself: the message is noted already, but for errors without a handler (memory).
    if (why->message.len == 0) text_add(&why->message, slice_of("the memory budget is used up"));
    lua_pop(L, 1);
    return false;
}

bool script_caller(struct lua_State *L, const char **file, int *line) {
    lua_Debug ar;
    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.source[0] != '@' || ar.currentline <= 0) continue;
        *file = ar.source + 1;
        *line = ar.currentline;
        return true;
    }
    return false;
}

void script_seal(struct script *s) {
    s->is_sealed = true;
    lua_gc(s->L, LUA_GCCOLLECT);
    s->most_bytes = s->used_bytes + s->limits.call_bytes;
}

bool script_call(struct script *s, const struct script_call *call, struct text *why) {
    struct activation activation = {.script = s, .call = call, .why = why};
    s->steps_left = s->limits.call_steps;
    lua_pushcfunction(s->L, run_activation);
    lua_pushlightuserdata(s->L, &activation);
    if (lua_pcall(s->L, 1, 0, 0) != LUA_OK) {
        const char *message = lua_tostring(s->L, -1);
        text_add(why, slice_of(message ? message : "an error that is no string"));
        lua_pop(s->L, 1);
        return false;
    }
    return activation.succeeded;
}

// The count hook of this coroutine is set to every instruction, so that code which caught the error meets it again.
void script_charge(struct lua_State *L, uint64_t steps) {
    struct script *s = script_of(L);
    if (s->steps_left > steps) {
        s->steps_left -= steps;
        return;
    }
    s->steps_left = 0;
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    luaL_error(L, "the CPU budget is used up");
}

static void *allocate(void *arg, void *old, size_t old_bytes, size_t bytes) {
    struct script *s = arg;
    if (!old) old_bytes = 0;
    if (bytes == 0) {
        s->used_bytes -= old_bytes;
        free(old);
        return NULL;
    }
    if (bytes > old_bytes && s->used_bytes - old_bytes + bytes > s->most_bytes) return NULL;
    void *at = realloc(old, bytes);
    CHECK(at);
    s->used_bytes = s->used_bytes - old_bytes + bytes;
    return at;
}

static int on_panic(lua_State *L) {
    const char *message = lua_tostring(L, -1);
    check_failed(message ? message : "Lua error outside of protection", __FILE__, __LINE__,
                 __func__);
}

static void on_count(lua_State *L, lua_Debug *ar) {
    (void)ar;
    script_charge(L, (uint64_t)lua_gethookcount(L));
}

// Two tables make the environment: chunks see an empty one that looks names up in the other; so nothing can be assigned or replaced.
static int open_state(lua_State *L) {
    struct script *s = script_of(L);
    script_push_names(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, on_unknown_name);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, on_new_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    s->env = luaL_ref(L, LUA_REGISTRYINDEX);
    s->names = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int on_unknown_name(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    struct suggestion suggestion = {.wrong = lua_tostring(L, 2)};
    char buf[SUGGEST_MAX];
    hint_fn *hint = script_of(L)->hint;
    const char *text = hint ? hint(suggestion.wrong) : NULL;
    if (text) return luaL_error(L, "unknown name '%s': %s", suggestion.wrong, text);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) suggest_try(&suggestion, lua_tostring(L, -1));
    }
    return luaL_error(L, "unknown name '%s'%s", lua_tostring(L, 2), suggest_text(&suggestion, buf));
}

static int on_new_global(lua_State *L) {
    const char *name = luaL_tolstring(L, 2, NULL);
    return luaL_error(L, "global '%s' is assigned; write 'local %s = ...'", name, name);
}

// Leaves one value. Errors are noted in chunk->why by the handler, then raised on to script_run().
static int run_chunk(lua_State *L) {
    struct chunk *chunk = lua_touserdata(L, 1);
    lua_pushlightuserdata(L, chunk);
    lua_pushcclosure(L, on_chunk_error, 1);
    lua_pushfstring(L, "@%s", chunk->name);
    struct slice text = chunk->text;
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf"))) text = slice_skip(text, 3);
    int status =
        luaL_loadbufferx(L, text.len > 0 ? text.at : "", text.len, lua_tostring(L, -1), "t");
    if (status != LUA_OK) {
        note_syntax_error(L, chunk);
        return lua_error(L);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, script_of(L)->env);
    lua_setupvalue(L, -2, 1);
    if (lua_pcall(L, 0, 1, 2) != LUA_OK) return lua_error(L);
    return 1;
}

// Notes the place in the innermost Lua function and the message without its place.
static int on_chunk_error(lua_State *L) {
    struct chunk *chunk = lua_touserdata(L, lua_upvalueindex(1));
    struct script_failure *why = chunk->why;
    const char *message = text_of_error(L, 1), *file;
    if (script_caller(L, &file, &why->line)) {
        snprintf(why->file, sizeof why->file, "%s", file);
        char place[32];
        snprintf(place, sizeof place, ":%d: ", why->line);
        const char *after = strstr(message, place);
        if (after && after - message <= LUA_IDSIZE) message = after + strlen(place);
    }
    text_clear(&why->message);
    text_add(&why->message, slice_of(message));
    return 1;
}

// "name:12: unexpected symbol near 'x'": the name may be shortened, so the first :NUMBER: is looked for.
static void note_syntax_error(lua_State *L, const struct chunk *chunk) {
    const char *message = text_of_error(L, -1);
    snprintf(chunk->why->file, sizeof chunk->why->file, "%s", chunk->name);
    for (const char *colon = strchr(message, ':'); colon; colon = strchr(colon + 1, ':')) {
        char *end;
        long line = strtol(colon + 1, &end, 10);
        if (!isdigit((unsigned char)colon[1]) || end[0] != ':' || end[1] != ' ') continue;
        chunk->why->line = (int)line;
        message = end + 2;
        break;
    }
    text_add(&chunk->why->message, slice_of(message));
}

// No __tostring: it would run without a budget.
static const char *text_of_error(lua_State *L, int index) {
    return lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index)
                                             : "an error that is no string";
}

static int run_activation(lua_State *L) {
    struct activation *activation = lua_touserdata(L, 1);
    const struct script_call *call = activation->call;
    int ref, results = 0;
    int args = call->enter(L, call->arg);
    lua_State *thread = borrow_thread(activation->script, &ref);
    lua_xmove(L, thread, args + 1);
    int status = lua_resume(thread, L, args, &results);
    if (status == LUA_YIELD) {
        text_add(activation->why, slice_of("the function yielded, but nothing can resume it"));
    } else if (status != LUA_OK) {
        say_traceback(thread, activation->why);
    } else {
        if (results > RESULTS_MAX) lua_pop(thread, results - RESULTS_MAX);
        if (results > RESULTS_MAX) results = RESULTS_MAX;
        lua_xmove(thread, L, results);
    }
    return_thread(activation->script, thread, ref, status);
    if (status != LUA_OK) return 0;
    if (activation->script->steps_left == 0) return luaL_error(L, "the CPU budget is used up");
    call->leave(L, results, call->arg);
    activation->succeeded = true;
    return 0;
}

static lua_State *borrow_thread(struct script *s, int *ref) {
    lua_State *thread;
    if (s->thread_count > 0) {
        thread = s->threads[--s->thread_count];
        *ref = s->thread_refs[s->thread_count];
    } else {
        thread = lua_newthread(s->L);
        *ref = luaL_ref(s->L, LUA_REGISTRYINDEX);
    }
    lua_sethook(thread, on_count, LUA_MASKCOUNT, HOOK_STEPS);
    return thread;
}

// A thread that failed or waits is left to the garbage collector: it may have hooks off (see script_library.c).
static void return_thread(struct script *s, lua_State *thread, int ref, int status) {
    if (status != LUA_OK || s->thread_count == THREADS_MAX) {
        luaL_unref(s->L, LUA_REGISTRYINDEX, ref);
        return;
    }
    lua_settop(thread, 0);
    s->threads[s->thread_count] = thread;
    s->thread_refs[s->thread_count++] = ref;
}

// The message, then the frames in one line: "; in f (a.lua:3) < in g (a.lua:9)".
static void say_traceback(lua_State *thread, struct text *why) {
    lua_Debug ar;
    text_add(why, slice_of(text_of_error(thread, -1)));
    const char *mark = "; in ";
    for (int level = 0; level < 12 && lua_getstack(thread, level, &ar); level++) {
        lua_getinfo(thread, "Sln", &ar);
        if (ar.currentline <= 0) continue;
        text_printf(why, "%s%s (%s:%d)", mark, ar.name ? ar.name : "a function", ar.source + 1,
                    ar.currentline);
        mark = " < ";
    }
}
