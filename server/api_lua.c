// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "server/api_parts.h"

// GET /v1/lua: the pools as they are now, to be put into the route file.

static void add_pool(struct api_call *c, struct text *out);
static void add_wish(const struct table_entry *e, const char *address, struct text *out);

void api_show_lua(struct api_call *c) {
    const struct config *config = c->conf->generation(c->conf->arg)->config;
    struct text page;
    text_init(&page, LOCAL_ANSWER_MAX);
    for (size_t i = 0; i < config->pool_count; i++) {
        c->pool = config->pools[i];
        add_pool(c, &page);
    }
    if (page.is_cut)
        api_refuse(c, 500, "", "the answer would be too long");
    else
        local_answer(c->reply, 200, "text/plain; charset=utf-8", text_slice(&page));
    text_fini(&page);
}

// Pools of addresses that a site gave have no place of their own in the file, so they are left out.
static void add_pool(struct api_call *c, struct text *out) {
    const struct table_entry *entries;
    size_t count;
    struct pool live = *c->pool;
    if (strcmp(live.name, live.table_name) != 0) return;
    if (!pools_list(c->conf->pools, c->pool, &entries, &count)) return;
    live.configured = arena_zalloc(c->arena, (count + 1) * sizeof *live.configured);
    live.configured_count = 0;
    for (size_t i = 0; i < count; i++) {
        char *address = arena_string(
            c->arena, slice_of(table_text(scoreboard_table(c->conf->board), entries[i].slot)));
        add_wish(&entries[i], address, out);
        if (entries[i].wish == WISH_REMOVED) continue;
        live.configured[live.configured_count++] =
            (struct member_conf){.text = address, .settings = entries[i].live};
    }
    config_print_pool(&live, false, out);
}

// A wish has no word in the route file.
static void add_wish(const struct table_entry *e, const char *address, struct text *out) {
    if (e->wish == WISH_READY) return;
    text_printf(out, "-- %s is not ready now: %s\n", address, wish_name(e->wish));
}
