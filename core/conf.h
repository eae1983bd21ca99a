// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/arena.h"
#include "core/slice.h"
#include "core/suggest.h"
#include "core/text.h"

// Reading settings out of Lua tables into C structs by tables of fields, one row per setting, and collecting every
// error with its place. Knows nothing of what the settings are for.

struct lua_State;

// ---- One reading: its sources and its errors. What is read lives in the arena.

struct conf;
// The arena is borrowed; what `hint` knows of an unknown key is said instead of the nearest one.
struct conf *conf_new(struct arena *a, hint_fn *hint);
void conf_free(struct conf *c);
struct arena *conf_arena(struct conf *c);
const char *conf_hint(const struct conf *c, const char *name); // what `hint` says

// The text of a file, for quoting its lines; borrowed until conf_free(). Returns the name to use as spot.file: it
// lives in the arena, and equal names give the same pointer.
const char *conf_add_source(struct conf *c, const char *name, struct slice text);
// That pointer for a name added before; NULL for another.
const char *conf_find_source(struct conf *c, const char *name);

// Where in the configuration: a declaration (`up` is NULL: file, line, word and name) or a step into its table (key, or
// item counted from 1). On the stack; strings are borrowed for the call.
struct conf_spot {
    const struct conf_spot *up;
    const char *file;
    int line;
    const char *word; // "pool"
    const char *name; // "web"; NULL for a word without
    const char *key;
    int item;
};
// The line on which the key or item of a spot stands (found in the source text); the declaration's when it cannot be found.
int conf_line(struct conf *c, const struct conf_spot *at);
// The lines of the keys of the table at a spot, sorted by key, until conf_free(): for tables with many.
struct conf_key_line {
    struct slice key;
    int line;
};
size_t conf_key_lines(struct conf *c, const struct conf_spot *at, struct conf_key_line **lines);
// Says which of them stand there twice: Lua keeps the last one and says nothing.
void conf_say_doubles(struct conf *c, const struct conf_spot *at, const struct conf_key_line *lines,
                      size_t count);
// The line of one of them; `otherwise` when it is not there.
int conf_key_line(const struct conf_key_line *lines, size_t count, const char *key, int otherwise);

// FILE:LINE: pool "web": balance: MESSAGE, and the offending line. At most CONF_ERRORS_MAX are kept, the rest counted.
#define CONF_ERRORS_MAX 200
void conf_error(struct conf *c, const struct conf_spot *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The same about a key of the table at `at` (its line, without its name before the message).
void conf_error_of_key(struct conf *c, const struct conf_spot *at, const char *key,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
size_t conf_error_count(const struct conf *c);
// All of them, in the order of files and lines, without a closing line.
void conf_print_errors(struct conf *c, struct text *out);

// The line on which a key of a table in a Lua text stands: the text begins on `line`; the declaration `word "name" {` is looked for,
// then the keys and items of `path` one inside the other. 0: not found.
struct conf_step {
    const char *key; // or NULL
    int item;
};
int conf_find_line(struct slice text, int line, const char *word, const char *name,
                   const struct conf_step *path, size_t count);

// The bytes of the line end that the text begins with, as Lua counts lines: "\n", "\r", or the two together. 0: it begins with none.
size_t conf_line_end(struct slice text);
// All named keys of the table that the path leads to (count at least 1), with their lines, in the order of the text.
typedef void conf_each_key_fn(void *arg, struct slice key, int line);
void conf_find_keys(struct slice text, int line, const char *word, const char *name,
                    const struct conf_step *path, size_t count, conf_each_key_fn *each, void *arg);

// ---- Tables of fields.

struct networks {
    struct network *at;
    size_t count;
};

enum conf_type {  // the member of the struct, and how it is written
    CONF_BOOL,    // bool: true or false
    CONF_UINT,    // unsigned: a whole number
    CONF_DECIMAL, // unsigned, in thousandths: a number such as 1.25
    CONF_MS,      // unsigned: "250ms", "5s", "2m", "1h"
    CONF_BYTES, // uint64_t or size_t: "64k", "10m", "1g", "100b"; "unlimited" where the most is UINT64_MAX
    CONF_STRING,   // char *: any string without control bytes
    CONF_WORD,     // char *: one of `choices`
    CONF_CHOICE,   // int or enum: the index in `choices`
    CONF_NETWORKS, // struct networks: "10.0.0.0/8", a list of such, "all"
    CONF_OWN,      // read by the caller; the row makes the name known
    CONF_NOT_YET,  // refused: "not yet available in this version"
};
struct conf_field {
    const char *name;
    enum conf_type type;
    size_t offset;
    uint64_t least, most; // of UINT, DECIMAL, MS and BYTES
    uint64_t fallback;    // of BOOL, UINT, DECIMAL, MS, BYTES, CHOICE
    const char *text;     // fallback of STRING and WORD; may be NULL
    const char *choices;  // of WORD and CHOICE: "warn|error"
    const char *help;
};
struct conf_table {
    const struct conf_field *fields;
    size_t count;
    bool has_items; // unnamed entries are the caller's; else they are errors
    // Whose settings are often written here by mistake, and what to do then; or NULL.
    const struct conf_table *mistaken_for;
    const char *instead;
};

void conf_set_defaults(const struct conf_table *t, void *out);
// Sets what the table at `index` names and leaves the rest of `out`; says what is wrong, and goes on. False after an error.
bool conf_read(struct conf *c, struct lua_State *L, int index, const struct conf_spot *at,
               const struct conf_table *t, void *out);
// One value at `index` into the member of one row.
bool conf_read_value(struct conf *c, struct lua_State *L, int index, const struct conf_spot *at,
                     const struct conf_field *f, void *out);
// A string or a list of strings at `index`, one after the other: `each` is called with the item's spot. False after an error.
typedef bool conf_each_fn(void *arg, const struct conf_spot *at, struct slice text);
bool conf_read_strings(struct conf *c, struct lua_State *L, int index, const struct conf_spot *at,
                       conf_each_fn *each, void *arg);

// The settings as Lua, "name = value, name = value"; only those that differ from the fallback unless `all`.
void conf_print(const struct conf_table *t, const void *from, bool all, struct text *out);
// A string as a Lua literal.
void conf_print_string(struct text *out, struct slice s);

// Single values.
#define NETWORK_TEXT_MAX 64
const char *conf_format_network(const struct network *n, char buf[NETWORK_TEXT_MAX]);
// The one at `index` of "a|b|c".
struct slice conf_choice(const char *choices, int index);
bool conf_parse_ms(struct slice text, uint64_t *ms);
bool conf_parse_bytes(struct slice text, uint64_t *bytes);
