// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <jansson.h>

#include "server/api.h"
#include "server/json.h"
#include "server/pool_edit.h"

// What is inside the admin API: api.c finds the resource, api_pools.c shows, api_edit.c changes, api_pause.c pauses keys,
// api_plan.c says what would change.

struct api_call {
    const struct admin_calls *conf;
    const struct local_request *request;
    struct local_reply *reply;
    struct arena *arena;
    struct slice name;    // of the pool in the path
    struct slice address; // of the member in the path, or the key
    struct pool *pool;    // of that name
};
typedef void api_fn(struct api_call *c);

// Every call is answered once, by one of these.
void api_give(struct api_call *c, int status, json_t *value); // takes the value
void api_refuse(struct api_call *c, int status, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void api_refuse_json(struct api_call *c, const struct json_reader *r);

// The pool's list in force; refuses and returns false where there is none.
bool api_list(struct api_call *c, const struct table_entry **entries, size_t *count);
// Adds the ETag of this list to the answer.
void api_tag(struct api_call *c, const struct table_entry *entries, size_t count);
// Does If-Match let it happen? Refuses with 412 where it does not.
bool api_is_match(struct api_call *c, const struct table_entry *entries, size_t count);
// A JSON string; what is no UTF-8 cannot be one, and is not shown.
json_t *api_text_json(struct slice s);
json_t *api_member_json(struct api_call *c, const struct table_entry *e);
const struct table_entry *api_find(struct api_call *c, const struct table_entry *entries,
                                   size_t count, struct slice address);

api_fn api_list_pools, api_show_pool, api_show_member; // api_pools.c
api_fn api_patch_pool, api_put_pool, api_put_member, api_patch_member,
    api_delete_member;                                 // api_edit.c
api_fn api_list_pauses, api_pause_key, api_resume_key; // api_pause.c
api_fn api_plan;                                       // api_plan.c
api_fn api_show_lua;                                   // api_lua.c
api_fn api_explain;                                    // api_explain.c
// "members": addresses, or objects with one; refuses and returns NULL. *count of them, in the call's arena.
struct member_change *api_read_members(struct api_call *c, const json_t *root, size_t *count);
