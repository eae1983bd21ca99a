// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"
#include "core/suggest.h"
#include "core/text.h"

// The host of Lua code: one state with a strict environment and budgets. Reading an unknown name or assigning a global is
// an error; text chunks only; no io, no debug, no load; `os` is time, date, clock and getenv. Memory is bounded by the
// allocator, CPU by a count hook per activation. Neither can be escaped by pcall, coroutines or finalizers.

struct lua_State;
struct script;

struct script_limits {
    size_t load_bytes;   // of the whole state while loading
    size_t call_bytes;   // more than after loading, while functions run
    uint64_t load_steps; // VM instructions to load everything
    uint64_t call_steps; // per activation
};
extern const struct script_limits SCRIPT_LIMITS; // the defaults

struct script *script_new(const struct script_limits *limits);
void script_free(struct script *s);
struct lua_State *script_lua(struct script *s);
// The script that a state belongs to, in a C function.
struct script *script_of(struct lua_State *L);

// A name that chunks can use: the value on top of the stack, which is popped. For words: C functions with upvalues.
void script_set_name(struct script *s, const char *name);
// Assignments to globals go to this C function (name, value); without one they are errors. `closes` an error of its own.
typedef int script_fn(struct lua_State *L);
void script_on_assign(struct script *s, script_fn *on_assign);
// What it knows of an unknown name is said instead of the nearest one.
void script_set_hint(struct script *s, hint_fn *hint);
// Where and why Lua code failed. The text is initialised by the callee, freed by the caller (also on success).
struct script_failure {
    struct text message;
    char file[512]; // as given to script_run(); empty: unknown
    int line;       // 0: unknown
};
// Compiles and runs a chunk; `name` is what errors call it (at most 500 bytes). Its one result is left on the stack of L on success. May
// be called from a C function while another chunk runs (include, require).
bool script_run(struct lua_State *L, const char *name, struct slice text,
                struct script_failure *why);
// The place in Lua code from which the C function that runs now was called. False: not from a chunk. *file lives as long as the chunk.
bool script_caller(struct lua_State *L, const char **file, int *line);
// After loading: collects garbage, forbids further declarations of names, and budgets are those of calls from now on.
void script_seal(struct script *s);

// One activation of a function: a coroutine with a fresh budget, kept for reuse. `enter` pushes the function and its
// arguments onto the new stack, `leave` reads the results (`count` values on top). Both run protected: errors in them, out of memory
// too, are failures of the activation. False with `why` (message with position, then a traceback on one line).
struct script_call {
    int (*enter)(struct lua_State *L, void *arg); // returns the number of arguments
    void (*leave)(struct lua_State *L, int count, void *arg);
    void *arg;
};
bool script_call(struct script *s, const struct script_call *call, struct text *why);

// For core/script_library.c.
// Takes VM steps from the budget; an error when none are left, which no pcall outlives.
void script_charge(struct lua_State *L, uint64_t steps);
// Opens the libraries and pushes the table of names that chunks see.
void script_push_names(struct lua_State *L);
