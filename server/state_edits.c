// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/state_edits.h"

static void repeat_in_pool(json_t *target, const char *pool, json_t *from, json_t *to);
static json_t *members_of(json_t *pools, const char *pool);

void state_repeat_edits(json_t *target, json_t *from, json_t *to) {
    const char *pool;
    json_t *members;
    json_object_foreach(from, pool, members)
        repeat_in_pool(target, pool, members, json_object_get(to, pool));
    json_object_foreach(to, pool, members) if (!json_object_get(from, pool))
        repeat_in_pool(target, pool, NULL, members);
}

// A pool without members that differ from the route file's is not there at all.
static void repeat_in_pool(json_t *target, const char *pool, json_t *from, json_t *to) {
    const char *address;
    json_t *member;
    json_t *members = json_equal(from, to) ? NULL : members_of(target, pool);
    if (!members) return;
    json_object_foreach(from, address, member) if (!json_object_get(to, address))
        json_object_del(members, address);
    json_object_foreach(to, address,
                        member) if (!json_equal(json_object_get(from, address), member))
        json_object_set(members, address, member);
}

static json_t *members_of(json_t *pools, const char *pool) {
    if (!json_object_get(pools, pool)) json_object_set_new(pools, pool, json_object());
    return json_object_get(pools, pool);
}
