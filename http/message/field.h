// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/slice.h"

// Field names that rsp itself looks at have an id (http/message/field_names.def); all others are FIELD_OTHER.
enum field_id {
    FIELD_OTHER = 0,
#define FIELD_NAME(id, text, flags) FIELD_##id,
#include "http/message/field_names.def"
#undef FIELD_NAME
    FIELD_IDS
};

// What the third column of field_names.def says.
enum field_flags { FIELD_HOP = 1, FIELD_GUARDED = 2, FIELD_OURS = 4, FIELD_NO_TRAILER = 8 };

struct field {
    enum field_id id;
    struct slice name; // as written by the sender
    struct slice value;
};

// The fields of one head (or of trailers) in order. The array is the arena's.
struct fields {
    struct field *at;
    unsigned count;
    unsigned cap;
    uint64_t present; // bit per id that occurs: a lookup of what is not there costs one test
};

enum field_id field_id_of(struct slice name); // case does not matter
struct slice field_name_of(enum field_id id); // canonical spelling ("Content-Length")
unsigned field_flags_of(enum field_id id);

// Room for `count` more fields, so that adding them does not move the array.
void fields_reserve(struct fields *f, struct arena *a, unsigned count);
// Grows the array in the arena; the caller bounds the count.
void fields_add(struct fields *f, struct arena *a, enum field_id id, struct slice name,
                struct slice value);
const struct field *fields_find(const struct fields *f, enum field_id id); // the first, or NULL
const struct field *fields_find_next(const struct fields *f,
                                     const struct field *after); // same id (or same name)
const struct field *fields_find_name(const struct fields *f, struct slice name);
void fields_remove(struct fields *f, enum field_id id); // all of that id
void fields_remove_name(struct fields *f, struct slice name);
// The elements of a comma-separated list field (RFC 9110 section 5.6.1), empty ones skipped: start with *rest = value.
bool list_next(struct slice *rest, struct slice *element);
bool fields_list_has(const struct fields *f, enum field_id id, struct slice token); // ignoring case
bool is_token(struct slice s);       // RFC 9110 section 5.6.2
bool is_field_value(struct slice s); // no control byte but tab (RFC 9110 section 5.5)
