// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "core/listener.h"
#include "core/log.h"
#include "server/edition_parts.h"
#include "server/in_force.h"

static bool open_socket(struct edition *e, const struct edition_conf *conf, struct text *errors);
static bool open_remote(struct edition *e, const struct edition *old, struct text *errors);
static bool socket_address(const char *path, struct address *out, char *why, size_t why_max);
static bool open_state(struct edition *e, struct text *errors);
static void say(const struct admin_conf *admin, const char *key, const char *why,
                struct text *errors);

bool edition_open_admin(struct edition *e, const struct edition_conf *conf, struct text *errors) {
    bool is_good = open_socket(e, conf, errors);
    is_good = open_remote(e, conf->old, errors) && is_good;
    return open_state(e, errors) && is_good;
}

bool edition_check_admin(const struct config *c, struct text *errors) {
    const struct admin_conf *admin = &c->admin;
    char why[256];
    struct address a;
    bool is_good = state_folder_check(admin, c->user, errors);
    if (admin->socket && !(socket_address(admin->socket, &a, why, sizeof why) &&
                           listener_check(&a, why, sizeof why))) {
        say(admin, "socket", why, errors);
        is_good = false;
    }
    if (admin->remote && !listener_check(&admin->remote->address, why, sizeof why)) {
        say(admin, "listen", why, errors);
        is_good = false;
    }
    return is_good;
}

// In the order of config->admin.listens. The one by network comes first, because the other may be missing.
bool edition_send_admin(const struct edition *e, struct channel *to) {
    struct order order = {.number = e->generation->number};
    const int fds[] = {e->remote_fd, e->admin_fd};
    for (size_t i = 0; i < 2; i++) {
        if (fds[i] < 0) continue;
        if (!order_send(to, ORDER_LISTENER, order, (struct slice){0}, &fds[i], 1)) return false;
        order.value++;
    }
    order.value = 0;
    size_t count = e->state.path ? 1 : 0;
    return order_send(to, ORDER_STATE, order, slice_of(e->state.path), &e->state.folder_fd,
                      count) &&
           order_send(to, ORDER_BUILD, order, (struct slice){0}, NULL, 0);
}

// Only a path that the route file names must work: there may be several rsp on one machine.
static bool open_socket(struct edition *e, const struct edition_conf *conf, struct text *errors) {
    const char *named = e->generation->config->admin.socket;
    const char *path = in_force_socket(e->generation->config, conf->default_admin);
    char why[256];
    if (!path) return true;
    bool is_there = conf->old && conf->old->admin_path && strcmp(conf->old->admin_path, path) == 0;
    struct address a;
    if (is_there)
        e->admin_fd = edition_copy_fd(conf->old->admin_fd);
    else if (socket_address(path, &a, why, sizeof why))
        e->admin_fd = listener_open(&a, EDITION_BACKLOG, why, sizeof why);
    if (e->admin_fd < 0 && named) {
        say(&e->generation->config->admin, "socket", why, errors);
        return false;
    }
    if (e->admin_fd < 0) {
        log_warn("there is no admin socket: %s", why);
        return true;
    }
    e->admin_path = strdup(path);
    CHECK(e->admin_path);
    return true;
}

static bool open_remote(struct edition *e, const struct edition *old, struct text *errors) {
    const struct admin_conf *admin = &e->generation->config->admin;
    const struct listen_conf *before = old ? old->generation->config->admin.remote : NULL;
    char why[256];
    if (!admin->remote) return true;
    if (before && address_equals(&before->address, &admin->remote->address))
        e->remote_fd = edition_copy_fd(old->remote_fd);
    else
        e->remote_fd = listener_open(&admin->remote->address, EDITION_BACKLOG, why, sizeof why);
    if (e->remote_fd < 0) say(admin, "listen", why, errors);
    return e->remote_fd >= 0;
}

// A relative one begins where rsp was started, as that of the route file it stands in does.
static bool socket_address(const char *path, struct address *out, char *why, size_t why_max) {
    char text[ADDRESS_TEXT_MAX], folder[PATH_MAX] = "";
    bool is_relative = path[0] != '/';
    if (is_relative && !getcwd(folder, sizeof folder)) {
        snprintf(why, why_max, "%s: where it begins cannot be found: %s", path, strerror(errno));
        return false;
    }
    int n = snprintf(text, sizeof text, "unix:%s%s%s", folder, is_relative ? "/" : "", path);
    if (n < (int)sizeof text && address_parse(slice_of(text), out)) return true;
    snprintf(why, why_max, "%s%s%s: too long for a socket (%zu bytes at most)", folder,
             is_relative ? "/" : "", path, sizeof out->local.sun_path - 1);
    return false;
}

static void say(const struct admin_conf *admin, const char *key, const char *why,
                struct text *errors) {
    text_printf(errors, "%s:%d: admin: %s: %s\n", admin->place.file, admin->place.line, key, why);
}

static bool open_state(struct edition *e, struct text *errors) {
    const struct config *c = e->generation->config;
    if (!state_folder_open(&c->admin, c->user, &e->state, errors)) return false;
    for (size_t i = 0; i < c->pool_count && !e->state.path; i++) {
        if (!c->pools[i]->is_live) continue;
        log_warn(
            "%s:%d: pool \"%s\" is live, but no state file is named (admin { state = ... }): edits "
            "last only as long as rsp runs",
            c->pools[i]->place.file, c->pools[i]->place.line, c->pools[i]->name);
        break;
    }
    return true;
}
