// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/pools.h"

// Edits of a pool's members while rsp runs. An edit is a set of changes that come into force together, or not at all: all of it is
// checked, then it is saved, then it is put in force by one store, then the caller may say that it is done.

enum change_kind {
    CHANGE_ADD,    // a member that is not there
    CHANGE_SET,    // one that is there: what is given, the rest stays
    CHANGE_PUT,    // either: what is not given is the file's value, or the default
    CHANGE_REMOVE, // one that is there
};

enum member_setting {
#define MEMBER_SETTING(name, member, most) MEMBER_##name,
#include "server/member_settings.def"
#undef MEMBER_SETTING
    MEMBER_SETTINGS_COUNT
};

struct member_change {
    enum change_kind kind;
    struct slice address;
    bool has_wish;
    enum table_wish wish;           // READY, DRAIN or MAINT
    unsigned given;                 // 1 << enum member_setting: which of `settings` are meant
    unsigned reset;                 // those that go back to the file's value, or the default
    struct table_settings settings; // in their limits
};

struct pool_edit {
    const struct member_change *changes;
    size_t count;
    bool
        is_whole; // the members are to be exactly these: others are removed (the changes are all CHANGE_PUT)
    // Who asks, for the log: "uid 0".
    struct slice who;
};

enum edit_result {
    EDIT_DONE,      // or nothing was to change
    EDIT_BAD,       // a change that makes no sense
    EDIT_NO_MEMBER, // it is not there
    EDIT_IS_MEMBER, // it is there already
    EDIT_NOT_LIVE,  // members of this pool are the route file's
    EDIT_FULL,
    EDIT_UNSAVED, // it could not be saved
};

struct edit_report {
    size_t at;         // the change that is meant, or SIZE_MAX
    const char *field; // of it
    struct text why;   // the caller's
};

// `pool` is one of the configuration that was merged last. Anything but EDIT_DONE: nothing has changed. Every change is a line of the log.
enum edit_result pools_edit(struct pools *p, const struct pool *pool, const struct pool_edit *edit,
                            struct edit_report *report);

// The list in force of a pool, valid until the next call; false: it has none, because the table was full.
bool pools_list(struct pools *p, const struct pool *pool, const struct table_entry **entries,
                size_t *count);

uint32_t *member_setting_at(struct table_settings *s, enum member_setting which);
const char *member_setting_name(enum member_setting which);
uint32_t member_setting_most(enum member_setting which);
const char *wish_name(enum table_wish w);
