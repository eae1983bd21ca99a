// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"
#include "core/log.h"
#include "routing/lua_route.h"
#include "routing/pauses.h"
#include "server/api_parts.h"

// .../pauses/KEY: requests of this key wait until it is resumed or its time is over.

enum { USUAL_SECONDS = 30 };

static const struct table_pool *shared_of(struct api_call *c);
static bool read_key(struct api_call *c, struct route_answer *key);
static bool read_seconds(struct api_call *c, uint32_t *seconds);
static void note(struct api_call *c, struct slice key, const char *what);

void api_list_pauses(struct api_call *c) {
    const struct table_pool *shared = shared_of(c);
    json_t *all = json_array();
    struct pause pause;
    unsigned at = 0;
    uint64_t now_ms = clock_ms();
    while (pauses_next(scoreboard_table(c->conf->board), shared, &at, &pause)) {
        json_int_t left_ms = (json_int_t)(pause.until_ms - now_ms);
        json_array_append_new(all,
                              json_pack("{s:o, s:f}", "key", api_text_json(slice_of(pause.key)),
                                        "seconds", (double)left_ms / 1000));
    }
    api_give(c, 200, json_pack("{s:o}", "pauses", all));
}

void api_pause_key(struct api_call *c) {
    struct table *t = scoreboard_table(c->conf->board);
    const struct table_pool *shared = shared_of(c);
    struct route_answer key = {0};
    uint32_t seconds = USUAL_SECONDS;
    if (!read_key(c, &key) || !read_seconds(c, &seconds)) return;
    if (!pauses_add(t, shared, key.key, key.key_hash, clock_ms() + seconds * 1000ull)) {
        api_refuse(c, 507, "", "%d keys are paused already, and there is no room for more",
                   PAUSES_MAX);
        return;
    }
    char what[48];
    snprintf(what, sizeof what, "paused for %u s", seconds);
    note(c, key.key, what);
    api_give(c, 200,
             json_pack("{s:o, s:i}", "key", api_text_json(key.key), "seconds", (int)seconds));
}

void api_resume_key(struct api_call *c) {
    const struct table_pool *shared = shared_of(c);
    struct route_answer key = {0};
    if (!read_key(c, &key)) return;
    if (!pauses_remove(scoreboard_table(c->conf->board), shared, key.key_hash)) {
        api_refuse(c, 404, "", "\"%.*s\" is not paused", SLICE_ARGS(key.key));
        return;
    }
    note(c, key.key, "resumed");
    api_give(c, 200, json_pack("{s:o}", "key", api_text_json(key.key)));
}

// Whose time is over is forgotten first.
static const struct table_pool *shared_of(struct api_call *c) {
    pauses_sweep(scoreboard_table(c->conf->board), clock_ms());
    return c->pool->shared;
}

// In the one form that the pool's keys have, whatever way they come.
static bool read_key(struct api_call *c, struct route_answer *key) {
    if (c->pool->balance != BALANCE_HASH || !c->pool->shared) {
        api_refuse(c, 409, "", "the pool has no keys: its balance is not \"hash\"");
        return false;
    }
    answer_set_pool(key, c->pool, c->address, c->arena);
    if (key->kind == ANSWER_POOL) return true;
    api_refuse(c, 400, "", "\"%.*s\" is no host name", SLICE_ARGS(c->address));
    return false;
}

// {"seconds": 30}, or nothing.
static bool read_seconds(struct api_call *c, uint32_t *seconds) {
    struct json_reader r = {0};
    if (c->request->body.len == 0) return true;
    json_t *root = json_read_text(&r, c->request->body);
    bool is_good = root && json_has_only(&r, root, "seconds");
    const json_t *value = is_good ? json_object_get(root, "seconds") : NULL;
    if (value) {
        json_enter(&r, "seconds", 0);
        is_good = json_read_number(&r, value, PAUSE_LONGEST_MS / 1000, seconds) &&
                  (*seconds > 0 || json_complain(&r, "needs 1 or more"));
    }
    if (!is_good) api_refuse_json(c, &r);
    json_decref(root);
    return is_good;
}

static void note(struct api_call *c, struct slice key, const char *what) {
    char who[API_WHO_MAX];
    log_audit("%s: pool \"%s\": key %.*s: %s", api_who(c->request, who), c->pool->name,
              SLICE_ARGS(key), what);
}
