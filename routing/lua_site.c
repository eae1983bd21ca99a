// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/hostname.h"
#include "routing/balance.h"
#include "routing/decide.h"
#include "routing/loader.h"
#include "routing/path.h"
#include "routing/settings.h"
#include "routing/template.h"

// site "name" { ... }: a site and its paths. Both are rules; a path begins with what its site says about policy and access.

enum { FIELDS_MAX = 16, PATHS_DEPTH_MAX = 4 };
static const char *const actions[] = {"to", "redirect", "respond", "route", "paths"};

struct reading {
    struct loader *loader;
    lua_State *L;
    const struct conf_spot *at;
    struct rule *rule;
    struct access access;        // as this table has it
    struct path_tree *tree;      // of the site
    struct conf_key_line *lines; // of its paths, while they are read
    size_t line_count;
};

static int declare_site(lua_State *L);
static struct site *add_site(struct loader *l, const struct conf_spot *at, const char *name);
static bool normalise_site_name(const char *name, char out[HOSTNAME_MAX + 3]);
static void read_rule(struct reading *r);
static const char *read_action_name(struct reading *r);
static void read_policy(struct reading *r);
static struct respond *read_answer(struct reading *r, const struct conf_spot *at, int least);
static void read_access(struct reading *r);
static void read_part(struct reading *r, const char *key, const struct conf_table *t, void *out);
static void read_action(struct reading *r, const char *name);
static void read_to(struct reading *r, const struct conf_spot *at);
static void read_redirect(struct reading *r, const struct conf_spot *at);
static void read_respond(struct reading *r, const struct conf_spot *at);
static void read_fields(struct reading *r, const struct conf_spot *at, struct respond *respond);
static bool read_status(struct reading *r, const struct conf_spot *at, int index, int least,
                        int most, int *status);
static void read_route(struct reading *r, const struct conf_spot *at);
static void read_paths(struct reading *r, const struct conf_spot *at);
static void read_each_path(struct reading *r, const struct conf_spot *at);
static void read_path(struct reading *r, const struct conf_spot *at, struct slice pattern);
static void add_path(struct reading *r, const struct conf_spot *at, struct rule *rule);
static const struct conf_spot *root_of(const struct conf_spot *at);
static int depth_of(const struct conf_spot *at);
static bool is_one_of(const char *key, const struct conf_table *t, lua_State *L);

int word_site(struct lua_State *L) {
    struct loader *l = loader_of(L);
    if (!lua_isstring(L, 1))
        return luaL_error(L, "site: needs a name first: write site \"example.com\" { ... }");
    const char *name = lua_tostring(L, 1);
    if (l->open_site.line)
        conf_error(l->conf, &l->open_site, "needs a table behind its name: site \"%s\" { ... }",
                   l->open_site.name);
    text_clear(&l->open_name);
    text_add(&l->open_name, slice_of(name));
    l->open_site = loader_spot(l, L, "site", text_string(&l->open_name));
    lua_settop(L, 1);
    lua_pushcclosure(L, declare_site, 1);
    return 1;
}

void site_add_simple(struct loader *l, const struct conf_spot *at, const char *name,
                     struct pool *pool) {
    struct site *site = add_site(l, at, name);
    site->rule->action = ACTION_POOL;
    site->rule->pool = pool;
}

static int declare_site(lua_State *L) {
    struct loader *l = loader_of(L);
    const char *name = lua_tostring(L, lua_upvalueindex(1));
    struct conf_spot spot = loader_spot(l, L, "site", name);
    char normal[HOSTNAME_MAX + 3];
    l->open_site.line = 0;
    l->path_count = 0;
    if (!normalise_site_name(name, normal)) {
        conf_error(l->conf, &spot,
                   "is no host name; write \"example.com\", \"*.example.com\" or \"*\"");
        return 0;
    }
    struct site *site = add_site(l, &spot, normal);
    struct reading reading = {.loader = l, .L = L, .at = &spot, .rule = site->rule};
    lua_settop(L, 1);
    conf_read(l->conf, L, 1, &spot, &RULE_SETTINGS, &reading.access);
    if (lua_type(L, 1) != LUA_TTABLE) return 0;
    read_rule(&reading);
    if (lua_getfield(L, 1, "tls") != LUA_TNIL) site_read_tls(l, L, &spot, site);
    return 0;
}

// Valid until the next one is added.
static struct site *add_site(struct loader *l, const struct conf_spot *at, const char *name) {
    if (l->site_count == l->site_room) {
        l->site_room = l->site_room ? l->site_room * 2 : 16;
        l->sites = realloc(l->sites, l->site_room * sizeof *l->sites);
        CHECK(l->sites);
    }
    struct site_entry *made = &l->sites[l->site_count++];
    *made = (struct site_entry){.site = {.place = place_of(at)}};
    made->site.name = arena_string(l->arena, slice_of(name));
    made->site.rule = &made->rule;
    made->rule =
        (struct rule){.place = made->site.place, .action = ACTION_NONE, .policy = &DEFAULT_POLICY};
    return &made->site;
}

// "*", "*.NAME" or NAME.
static bool normalise_site_name(const char *name, char out[HOSTNAME_MAX + 3]) {
    struct slice text = slice_of(name);
    bool is_wildcard = slice_starts_with(text, SLICE("*."));
    if (slice_equals(text, SLICE("*"))) {
        memcpy(out, "*", 2);
        return true;
    }
    if (slice_find(is_wildcard ? slice_skip(text, 2) : text, '*') >= 0) return false;
    // What hostname_normalise() takes off of a Host field does not belong here.
    if (slice_find(text, '%') >= 0 || (slice_find(text, ':') >= 0 && text.at[0] != '['))
        return false;
    if (is_wildcard) memcpy(out, "*.", 2);
    return hostname_normalise(is_wildcard ? slice_skip(text, 2) : text,
                              out + (is_wildcard ? 2 : 0)) > 0;
}

// The table of the rule is on top of the stack; its names were checked.
static void read_rule(struct reading *r) {
    read_policy(r);
    read_access(r);
    const char *action = read_action_name(r);
    if (action) read_action(r, action);
    bool has_key = lua_getfield(r->L, -1, "key") != LUA_TNIL;
    lua_pop(r->L, 1);
    if (has_key && action && strcmp(action, "to") != 0)
        conf_error_of_key(r->loader->conf, r->at, "key", "'key' goes with 'to' only");
}

// The one thing that the rule does; NULL after an error.
static const char *read_action_name(struct reading *r) {
    const char *found = NULL;
    bool is_good = true;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        bool is_there = lua_getfield(r->L, -1, actions[i]) != LUA_TNIL;
        lua_pop(r->L, 1);
        if (!is_there) continue;
        if (found) {
            conf_error(r->loader->conf, r->at, "'%s' and '%s' exclude each other", found,
                       actions[i]);
            is_good = false;
        }
        found = actions[i];
    }
    if (!found)
        conf_error(r->loader->conf, r->at,
                   "does nothing: needs one of to, redirect, respond, route, paths");
    return is_good ? found : NULL;
}

static void read_policy(struct reading *r) {
    bool is_set = is_one_of("timeout", NULL, r->L) || is_one_of("limits", NULL, r->L) ||
                  is_one_of("down", NULL, r->L) || is_one_of(NULL, &POLICY_SETTINGS, r->L);
    if (!is_set) return;
    struct conf *conf = r->loader->conf;
    struct policy *policy = arena_alloc(r->loader->arena, sizeof *policy);
    *policy = *r->rule->policy;
    read_part(r, "timeout", &POLICY_TIMEOUT_SETTINGS, policy);
    read_part(r, "limits", &POLICY_LIMITS_SETTINGS, policy);
    for (size_t i = 0; i < POLICY_SETTINGS.count; i++) {
        const struct conf_field *f = &POLICY_SETTINGS.fields[i];
        struct conf_spot spot = {.up = r->at, .key = f->name};
        if (lua_getfield(r->L, -1, f->name) != LUA_TNIL)
            conf_read_value(conf, r->L, -1, &spot, f, policy);
        lua_pop(r->L, 1);
    }
    struct conf_spot down = {.up = r->at, .key = "down"};
    if (lua_getfield(r->L, -1, "down") != LUA_TNIL)
        policy->down =
            read_answer(r, &down, 400); // a page of 200 would be taken for the site itself
    lua_pop(r->L, 1);
    if (policy->low_bytes >= policy->high_bytes)
        conf_error_of_key(conf, r->at, "limits",
                          "limits.buffer_low must be less than limits.buffer_high");
    r->rule->policy = policy;
}

// A list of the path takes the place of its site's list of that name.
static void read_access(struct reading *r) {
    bool has_allow = is_one_of("allow", NULL, r->L), has_deny = is_one_of("deny", NULL, r->L);
    if (!has_allow && !has_deny) return;
    struct access *access = arena_zalloc(r->loader->arena, sizeof *access);
    if (r->rule->access) *access = *r->rule->access;
    if (has_allow) access->allow = r->access.allow;
    if (has_deny) access->deny = r->access.deny;
    bool is_empty =
        has_allow && lua_getfield(r->L, -1, "allow") == LUA_TTABLE && lua_rawlen(r->L, -1) == 0;
    if (has_allow) lua_pop(r->L, 1);
    if (is_empty)
        conf_error_of_key(
            r->loader->conf, r->at, "allow",
            "'allow' is empty, so nobody would be let in; allow = \"all\" lets everybody in");
    r->rule->access = access;
}

static void read_part(struct reading *r, const char *key, const struct conf_table *t, void *out) {
    struct conf_spot spot = {.up = r->at, .key = key};
    if (lua_getfield(r->L, -1, key) != LUA_TNIL)
        conf_read(r->loader->conf, r->L, -1, &spot, t, out);
    lua_pop(r->L, 1);
}

static void read_action(struct reading *r, const char *name) {
    static void (*const readers[])(struct reading *, const struct conf_spot *) = {
        read_to, read_redirect, read_respond, read_route, read_paths};
    struct conf_spot spot = {.up = r->at, .key = name};
    lua_getfield(r->L, -1, name);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(name, actions[i]) == 0) readers[i](r, &spot);
    lua_pop(r->L, 1);
}

// The readers below have their value on top of the stack and the rule's table under it.
static void read_to(struct reading *r, const struct conf_spot *at) {
    struct loader *l = r->loader;
    r->rule->action = ACTION_POOL;
    r->rule->pool = pool_read_to(l, r->L, -1, at);
    struct conf_spot spot = {.up = r->at, .key = "key"};
    int type = lua_getfield(r->L, -2, "key");
    if (type == LUA_TSTRING && r->rule->pool) {
        struct text why;
        text_init(&why, 512);
        r->rule->key = template_parse(l->arena, slice_of(lua_tostring(r->L, -1)), TEMPLATE_KEY,
                                      r->rule->pattern, &why);
        if (!r->rule->key) conf_error(l->conf, &spot, "%s", text_string(&why));
        text_fini(&why);
        struct keyed *keyed = arena_alloc(l->arena, sizeof *keyed);
        *keyed = (struct keyed){*root_of(r->at), r->rule->pool};
        keyed->spot.line = conf_line(l->conf, &spot);
        pointers_add(&l->keyed, keyed);
    } else if (type != LUA_TNIL && type != LUA_TSTRING) {
        conf_error(l->conf, &spot, "needs a string such as \"{host}\"");
    }
    lua_pop(r->L, 1);
}

// "URL" (301), or { 308, "URL" }.
static void read_redirect(struct reading *r, const struct conf_spot *at) {
    struct loader *l = r->loader;
    struct redirect *redirect = arena_zalloc(l->arena, sizeof *redirect);
    r->rule->action = ACTION_REDIRECT;
    r->rule->redirect = redirect;
    redirect->status = 301;
    bool is_table = lua_type(r->L, -1) == LUA_TTABLE;
    if (is_table) {
        lua_rawgeti(r->L, -1, 1);
        read_status(r, at, -1, 300, 308, &redirect->status);
        lua_rawgeti(r->L, -2, 2);
    }
    struct text why;
    text_init(&why, 512);
    if (lua_type(r->L, -1) != LUA_TSTRING)
        text_printf(&why, "needs a URL, or { status, URL }");
    else
        redirect->location = template_parse(l->arena, slice_of(lua_tostring(r->L, -1)),
                                            TEMPLATE_REDIRECT, r->rule->pattern, &why);
    if (!redirect->location) conf_error(l->conf, at, "%s", text_string(&why));
    text_fini(&why);
    if (is_table) lua_pop(r->L, 2);
}

static void read_respond(struct reading *r, const struct conf_spot *at) {
    r->rule->action = ACTION_RESPOND;
    r->rule->respond = read_answer(r, at, 200);
}

// { status, "body" }, and fields by name. The status is `least` or more.
static struct respond *read_answer(struct reading *r, const struct conf_spot *at, int least) {
    struct loader *l = r->loader;
    struct respond *respond = arena_zalloc(l->arena, sizeof *respond);
    if (lua_type(r->L, -1) != LUA_TTABLE) {
        conf_error(l->conf, at, "needs { status, \"body\" }");
        return respond;
    }
    lua_rawgeti(r->L, -1, 1);
    read_status(r, at, -1, least, 599, &respond->status);
    size_t len = 0;
    int type = lua_rawgeti(r->L, -2, 2);
    const char *body = type == LUA_TSTRING ? lua_tolstring(r->L, -1, &len) : NULL;
    if (type != LUA_TNIL && !body) conf_error(l->conf, at, "the body needs to be a string");
    respond->body = arena_copy(l->arena, (struct slice){body, len});
    lua_pop(r->L, 2);
    read_fields(r, at, respond);
    return respond;
}

// What has a name in the table on top.
static void read_fields(struct reading *r, const struct conf_spot *at, struct respond *respond) {
    struct loader *l = r->loader;
    struct answer_field *fields = arena_alloc(l->arena, FIELDS_MAX * sizeof *fields);
    int table = lua_gettop(r->L);
    lua_pushnil(r->L);
    for (; lua_next(r->L, table); lua_pop(r->L, 1)) {
        if (lua_type(r->L, -2) != LUA_TSTRING) continue;
        size_t name_len, len = 0;
        const char *name = lua_tolstring(r->L, -2, &name_len);
        const char *value =
            lua_type(r->L, -1) == LUA_TSTRING ? lua_tolstring(r->L, -1, &len) : NULL;
        struct conf_spot spot = {.up = at, .key = name};
        if (!value || respond->field_count == FIELDS_MAX ||
            !field_may_be_sent((struct slice){name, name_len}, (struct slice){value, len})) {
            conf_error(l->conf, &spot, "is no field of an answer that a route file can set");
            continue;
        }
        fields[respond->field_count++] =
            (struct answer_field){arena_copy(l->arena, (struct slice){name, name_len}),
                                  arena_copy(l->arena, (struct slice){value, len})};
    }
    respond->fields = fields;
}

static bool read_status(struct reading *r, const struct conf_spot *at, int index, int least,
                        int most, int *status) {
    lua_Integer n = lua_isinteger(r->L, index) ? lua_tointeger(r->L, index) : 0;
    *status = (int)n;
    if (n >= least && n <= most) return true;
    conf_error(r->loader->conf, at, "needs a status from %d to %d first", least, most);
    return false;
}

static void read_route(struct reading *r, const struct conf_spot *at) {
    r->rule->action = ACTION_ROUTE;
    if (lua_type(r->L, -1) != LUA_TFUNCTION) {
        conf_error(r->loader->conf, at, "needs a function of the request");
        return;
    }
    lua_pushvalue(r->L, -1);
    r->rule->function = luaL_ref(r->L, LUA_REGISTRYINDEX);
    r->loader->has_functions = true;
}

static void read_paths(struct reading *r, const struct conf_spot *at) {
    struct loader *l = r->loader;
    struct slice outer = slice_of(r->rule->pattern);
    bool can_be_inner =
        outer.len >= 2 && outer.at[outer.len - 1] == '*' && outer.at[outer.len - 2] == '/';
    if (lua_type(r->L, -1) != LUA_TTABLE) {
        conf_error(l->conf, at, "needs a table { [\"/path\"] = { ... } }");
    } else if (r->tree && !can_be_inner) {
        conf_error(l->conf, at, "need a path that ends in /*, which theirs are put behind");
    } else if (depth_of(at) > PATHS_DEPTH_MAX) {
        conf_error(l->conf, root_of(at), "paths within paths go at most %d deep", PATHS_DEPTH_MAX);
    } else {
        struct reading inner = *r;
        if (!r->tree) {
            r->rule->action = ACTION_PATHS;
            r->rule->paths = inner.tree = path_tree_new(l->arena);
        }
        read_each_path(&inner, at);
        // Lua's tables have no order, the file has.
        if (!r->tree) path_tree_sort(inner.tree);
    }
}

// The table of paths is on top of the stack.
static void read_each_path(struct reading *r, const struct conf_spot *at) {
    struct loader *l = r->loader;
    int table = lua_gettop(r->L);
    luaL_checkstack(r->L, 16, NULL);
    r->line_count = conf_key_lines(l->conf, at, &r->lines);
    conf_say_doubles(l->conf, at, r->lines, r->line_count);
    lua_pushnil(r->L);
    if (!lua_next(r->L, table)) {
        conf_error(l->conf, at, "is empty");
        return;
    }
    do {
        if (++l->path_count > SITE_PATHS_MAX) {
            if (l->path_count == SITE_PATHS_MAX + 1)
                conf_error(l->conf, at, "a site has at most %d paths", SITE_PATHS_MAX);
            break;
        }
        size_t len;
        if (lua_type(r->L, -2) == LUA_TSTRING) {
            const char *pattern = lua_tolstring(r->L, -2, &len);
            read_path(r, at, (struct slice){pattern, len});
        } else {
            struct conf_spot item = {.up = at, .item = (int)lua_tointeger(r->L, -2)};
            conf_error(l->conf, &item, "has no path; write [\"/path\"] = { ... }");
        }
        lua_settop(r->L, table + 1);
    } while (lua_next(r->L, table));
    lua_settop(r->L, table);
}

// One path; its table is on top of the stack. r->rule is what it inherits from, and what its pattern is put behind.
static void read_path(struct reading *r, const struct conf_spot *at, struct slice pattern) {
    struct loader *l = r->loader;
    struct text why;
    struct slice outer = slice_of(r->rule->pattern);
    struct conf_spot spot = {.up = at, .key = arena_string(l->arena, pattern)};
    struct rule *rule = arena_alloc(l->arena, sizeof *rule);
    int line = conf_key_line(r->lines, r->line_count, spot.key, root_of(at)->line);
    *rule = (struct rule){.place = {root_of(at)->file, line},
                          .action = ACTION_NONE,
                          .policy = r->rule->policy,
                          .access = r->rule->access};
    rule->pattern = spot.key;
    if (outer.at)
        rule->pattern = arena_printf(l->arena, "%.*s%s", (int)outer.len - 2, outer.at, spot.key).at;
    struct reading inner = {.loader = l, .L = r->L, .at = &spot, .rule = rule, .tree = r->tree};
    text_init(&why, 512);
    bool is_good =
        path_pattern_check(pattern, &why) && path_pattern_check(slice_of(rule->pattern), &why);
    if (!is_good) conf_error(l->conf, &spot, "%s", text_string(&why));
    text_fini(&why);
    conf_read(l->conf, r->L, -1, &spot, &RULE_SETTINGS, &inner.access);
    if (lua_type(r->L, -1) != LUA_TTABLE) return;
    if (is_one_of("tls", NULL, r->L))
        conf_error_of_key(l->conf, &spot, "tls", "'tls' belongs to the site, not to a path");
    if (is_good) read_rule(&inner);
    if (is_good) add_path(r, &spot, rule);
}

static void add_path(struct reading *r, const struct conf_spot *at, struct rule *rule) {
    struct rule *other = path_tree_add(r->tree, r->loader->arena, rule);
    // A rule of inner paths gives way to an inner "/*".
    if (!other || rule->action == ACTION_NONE) return;
    // Tables have no order: the error is said of the later line.
    struct rule *first = other->place.line <= rule->place.line ? other : rule;
    struct rule *second = first == other ? rule : other;
    struct conf_spot up = *at->up, spot = {.up = &up, .key = second->pattern};
    conf_error(r->loader->conf, &spot, "fits the same paths as \"%s\" at %s:%d", first->pattern,
               first->place.file, first->place.line);
}

static const struct conf_spot *root_of(const struct conf_spot *at) {
    while (at->up) at = at->up;
    return at;
}

// How many `paths` there are around this spot, itself included: "paths" and the path alternate.
static int depth_of(const struct conf_spot *at) {
    int depth = 1;
    for (; at->up && at->up->up; at = at->up->up) depth++;
    return depth;
}

// Does the table on top have this key, or any of these?
static bool is_one_of(const char *key, const struct conf_table *t, lua_State *L) {
    for (size_t i = 0; i < (t ? t->count : 1); i++) {
        bool is_there = lua_getfield(L, -1, t ? t->fields[i].name : key) != LUA_TNIL;
        lua_pop(L, 1);
        if (is_there) return true;
    }
    return false;
}
