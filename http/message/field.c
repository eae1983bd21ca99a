// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "http/message/field.h"

#include "core/check.h"

_Static_assert(FIELD_IDS <= 64, "struct fields keeps one bit per id");

static const struct row {
    struct slice name;
    unsigned flags;
} ROWS[FIELD_IDS] = {
    [FIELD_OTHER] = {{"", 0}, 0},
#define FIELD_NAME(id, text, flags) [FIELD_##id] = {{text, sizeof(text) - 1}, flags},
#include "http/message/field_names.def"
#undef FIELD_NAME
};

// A hash table over ROWS with open addressing, filled at the first look: derived from ROWS alone.
enum { SLOTS = 256 };
static uint8_t slots[SLOTS];
static bool has_slots;

static unsigned name_hash(struct slice name);
static void fill_slots(void);
static bool is_same_name(const struct field *a, const struct field *b);
static void drop_marked(struct fields *f, bool (*is_unwanted)(const struct field *, const void *),
                        const void *arg);

enum field_id field_id_of(struct slice name) {
    if (!has_slots) fill_slots();
    if (name.len == 0) return FIELD_OTHER;
    for (unsigned i = name_hash(name); slots[i] != FIELD_OTHER; i = (i + 1) % SLOTS)
        if (slice_equals_nocase(ROWS[slots[i]].name, name)) return slots[i];
    return FIELD_OTHER;
}

static unsigned name_hash(struct slice name) {
    unsigned first = (unsigned char)name.at[0] | 0x20u;
    unsigned middle = (unsigned char)name.at[name.len / 2] | 0x20u;
    unsigned last = (unsigned char)name.at[name.len - 1] | 0x20u;
    return ((unsigned)name.len * 29 + first * 7 + middle * 13 + last * 3) % SLOTS;
}

static void fill_slots(void) {
    for (unsigned id = FIELD_OTHER + 1; id < FIELD_IDS; id++) {
        unsigned i = name_hash(ROWS[id].name);
        while (slots[i] != FIELD_OTHER) i = (i + 1) % SLOTS;
        slots[i] = (uint8_t)id;
    }
    has_slots = true;
}

struct slice field_name_of(enum field_id id) {
    return ROWS[id].name;
}

unsigned field_flags_of(enum field_id id) {
    return ROWS[id].flags;
}

void fields_reserve(struct fields *f, struct arena *a, unsigned count) {
    if (f->cap - f->count >= count) return;
    struct field *at = arena_alloc(a, (f->count + count) * sizeof *at);
    if (f->count > 0) memcpy(at, f->at, f->count * sizeof *at);
    f->at = at;
    f->cap = f->count + count;
}

void fields_add(struct fields *f, struct arena *a, enum field_id id, struct slice name,
                struct slice value) {
    if (f->count == f->cap) fields_reserve(f, a, f->cap < 8 ? 8 : f->cap);
    f->at[f->count++] = (struct field){id, name, value};
    f->present |= 1ull << id;
}

const struct field *fields_find(const struct fields *f, enum field_id id) {
    if (!(f->present & 1ull << id)) return NULL;
    for (unsigned i = 0; i < f->count; i++)
        if (f->at[i].id == id) return &f->at[i];
    return NULL;
}

const struct field *fields_find_next(const struct fields *f, const struct field *after) {
    for (const struct field *at = after + 1; at < f->at + f->count; at++)
        if (is_same_name(at, after)) return at;
    return NULL;
}

static bool is_same_name(const struct field *a, const struct field *b) {
    return a->id == b->id && (a->id != FIELD_OTHER || slice_equals_nocase(a->name, b->name));
}

const struct field *fields_find_name(const struct fields *f, struct slice name) {
    enum field_id id = field_id_of(name);
    if (id != FIELD_OTHER) return fields_find(f, id);
    for (unsigned i = 0; i < f->count; i++)
        if (f->at[i].id == id && slice_equals_nocase(f->at[i].name, name)) return &f->at[i];
    return NULL;
}

static bool has_id(const struct field *field, const void *id) {
    return field->id == *(const enum field_id *)id;
}

static bool has_name(const struct field *field, const void *name) {
    return slice_equals_nocase(field->name, *(const struct slice *)name);
}

void fields_remove(struct fields *f, enum field_id id) {
    if (f->present & 1ull << id) drop_marked(f, has_id, &id);
}

void fields_remove_name(struct fields *f, struct slice name) {
    drop_marked(f, has_name, &name);
}

static void drop_marked(struct fields *f, bool (*is_unwanted)(const struct field *, const void *),
                        const void *arg) {
    unsigned kept = 0;
    uint64_t present = 0;
    for (unsigned i = 0; i < f->count; i++) {
        if (is_unwanted(&f->at[i], arg)) continue;
        present |= 1ull << f->at[i].id;
        f->at[kept++] = f->at[i];
    }
    f->count = kept;
    f->present = present;
}

bool list_next(struct slice *rest, struct slice *element) {
    while (rest->len > 0) {
        bool is_quoted = false;
        size_t n = 0;
        for (; n < rest->len && (is_quoted || rest->at[n] != ','); n++) {
            if (rest->at[n] == '"') is_quoted = !is_quoted;
            if (is_quoted && rest->at[n] == '\\' && n + 1 < rest->len) n++;
        }
        *element = slice_trim((struct slice){rest->at, n});
        *rest = slice_skip(*rest, n < rest->len ? n + 1 : n);
        if (element->len > 0) return true;
    }
    return false;
}

bool fields_list_has(const struct fields *f, enum field_id id, struct slice token) {
    const struct field *field = fields_find(f, id);
    for (; field; field = fields_find_next(f, field)) {
        struct slice rest = field->value, element;
        while (list_next(&rest, &element))
            if (slice_equals_nocase(element, token)) return true;
    }
    return false;
}

// The tchar of RFC 9110 section 5.6.2.
static const bool IS_TOKEN_BYTE[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

bool is_token(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (!IS_TOKEN_BYTE[(unsigned char)s.at[i]]) return false;
    return s.len > 0;
}

bool is_field_value(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}
