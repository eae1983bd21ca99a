// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/edition.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/listener.h"
#include "core/log.h"
#include "server/edition_parts.h"
#include "server/log_files.h"

enum { ADMIN_MODE = 0660 };

static bool loses_all_certificates(const struct generation *g, const struct generation *old,
                                   struct text *errors);
static bool pack(struct edition *e, struct text *errors);
static bool open_listeners(struct edition *e, const struct edition *old, struct text *errors);
static int open_listener(const struct listen_conf *l, const struct edition *old,
                         struct text *errors);
static bool check_sockets(const struct config *c, struct text *errors);
static bool has_user(const struct config *c, struct text *errors);
static bool group_of(const struct listen_conf *l, gid_t *gid, struct text *errors);
static void permit(const char *path, mode_t mode, gid_t gid);
static void remove_path(const struct address *a);
static void close_sockets(struct edition *e, const struct edition *kept);
static bool has_address(const struct edition *e, const struct address *a);
static void close_fd(int fd);

// An abstract name (first byte 0) is no path.
static bool has_path(const struct address *a) {
    return a->any.sa_family == AF_UNIX && a->local.sun_path[0];
}

enum edition_result edition_new(const struct edition_conf *conf, struct edition **out,
                                struct text *errors, struct text *problems) {
    *out = NULL;
    const struct files *old_files = conf->old ? conf->old->generation->files : NULL;
    struct generation *g = generation_build(conf->files, conf->path, conf->number, old_files,
                                            conf->ticket_keys, errors, problems);
    if (!g) return EDITION_BAD_CONFIG;
    if (conf->old && loses_all_certificates(g, conf->old->generation, errors)) {
        generation_unref(g);
        return EDITION_BAD_CONFIG;
    }
    struct edition *e = calloc(1, sizeof *e);
    CHECK(e);
    *e = (struct edition){.generation = g,
                          .packed_fd = -1,
                          .admin_fd = -1,
                          .remote_fd = -1,
                          .state.folder_fd = -1,
                          .access_fd = -1,
                          .error_fd = -1};
    if (!has_user(g->config, errors) || !pack(e, errors) || !open_listeners(e, conf->old, errors) ||
        !edition_open_admin(e, conf, errors) ||
        !log_files_open(&g->config->log, &e->access_fd, &e->error_fd, errors)) {
        edition_free(e, conf->old);
        return EDITION_FAILED;
    }
    *out = e;
    return EDITION_GOOD;
}

enum edition_result edition_check(const struct generation *g, struct text *errors) {
    const struct config *c = g->config;
    bool is_good = has_user(c, errors);
    is_good = check_sockets(c, errors) && is_good;
    is_good = edition_check_admin(c, errors) && is_good;
    return log_files_check(&g->config->log, errors) && is_good ? EDITION_GOOD : EDITION_FAILED;
}

// A folder that was mistyped must not take HTTPS away: plain ports would serve in clear what they sent to HTTPS before.
static bool loses_all_certificates(const struct generation *g, const struct generation *old,
                                   struct text *errors) {
    if (!g->tls || !old->tls || tls_server_count(g->tls) > 0 || tls_server_count(old->tls) == 0)
        return false;
    const struct tls_conf *tls = &g->config->tls;
    text_printf(errors,
                "%s:%d: tls: no certificate can be used%s%s; %zu are in use now\n"
                "1 error; nothing was loaded\n",
                tls->place.file ? tls->place.file : g->config->path, tls->place.line,
                tls->certificates ? ": nothing in " : "",
                tls->certificates ? tls->certificates : "", tls_server_count(old->tls));
    return true;
}

// Only root can become somebody else.
static bool has_user(const struct config *c, struct text *errors) {
    if (!c->user || geteuid() != 0 || getpwnam(c->user)) return true;
    text_printf(errors, "%s:%d: user: there is no user \"%s\" on this machine\n",
                c->user_place.file, c->user_place.line, c->user);
    return false;
}

static bool pack(struct edition *e, struct text *errors) {
    e->packed_fd = files_pack(e->generation->files);
    if (e->packed_fd < 0) text_printf(errors, "the files cannot be packed: %s\n", strerror(errno));
    return e->packed_fd >= 0;
}

// --- sockets ---

// Tries all, so that all errors are said at once.
static bool open_listeners(struct edition *e, const struct edition *old, struct text *errors) {
    const struct config *c = e->generation->config;
    e->listen_fds = calloc(c->listen_count ? c->listen_count : 1, sizeof *e->listen_fds);
    CHECK(e->listen_fds);
    bool good = true;
    for (size_t i = 0; i < c->listen_count; i++) {
        e->listen_fds[i] = open_listener(&c->listens[i], old, errors);
        good = good && e->listen_fds[i] >= 0;
    }
    return good;
}

static int open_listener(const struct listen_conf *l, const struct edition *old,
                         struct text *errors) {
    gid_t gid;
    if (!group_of(l, &gid, errors)) return -1;
    const struct config *c = old ? old->generation->config : NULL;
    for (size_t i = 0; c && i < c->listen_count; i++)
        if (address_equals(&c->listens[i].address, &l->address))
            return edition_copy_fd(old->listen_fds[i]);
    char why[256];
    int fd = listener_open(&l->address, EDITION_BACKLOG, why, sizeof why);
    if (fd < 0) text_printf(errors, "%s:%d: %s\n", l->place.file, l->place.line, why);
    return fd;
}

// False: the group is not known. (gid_t)-1: as it comes.
static bool group_of(const struct listen_conf *l, gid_t *gid, struct text *errors) {
    struct group *named = l->group ? getgrnam(l->group) : NULL;
    *gid = named ? named->gr_gid : (gid_t)-1;
    if (!l->group || named) return true;
    text_printf(errors, "%s:%d: listen: group: there is no group \"%s\" on this machine\n",
                l->place.file, l->place.line, l->group);
    return false;
}

void edition_permit(const struct edition *e) {
    const struct config *c = e->generation->config;
    for (size_t i = 0; i < c->listen_count; i++) {
        const struct listen_conf *l = &c->listens[i];
        struct text unused;
        gid_t gid = (gid_t)-1;
        text_init(&unused, 1024);
        if (has_path(&l->address) && group_of(l, &gid, &unused))
            permit(l->address.local.sun_path, l->mode, gid);
        text_fini(&unused);
    }
    if (e->admin_path) permit(e->admin_path, ADMIN_MODE, (gid_t)-1);
}

static void permit(const char *path, mode_t mode, gid_t gid) {
    if ((gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) != 0) || chmod(path, mode) != 0)
        log_error("%s: nobody else may connect: %s", path, strerror(errno));
}

static bool check_sockets(const struct config *c, struct text *errors) {
    bool is_good = true;
    char why[256];
    gid_t gid;
    for (size_t i = 0; i < c->listen_count; i++) {
        const struct listen_conf *l = &c->listens[i];
        if (!listener_check(&l->address, why, sizeof why)) {
            text_printf(errors, "%s:%d: %s\n", l->place.file, l->place.line, why);
            is_good = false;
        }
        is_good = group_of(l, &gid, errors) && is_good;
    }
    return is_good;
}

// --- logs ---

bool edition_reopen_logs(struct edition *e) {
    int access_fd, error_fd;
    struct text errors;
    text_init(&errors, 4096);
    bool good = log_files_open(&e->generation->config->log, &access_fd, &error_fd, &errors);
    if (!good) log_error("the logs stay as they are: %s", text_string(&errors));
    close_fd(good ? e->access_fd : access_fd);
    close_fd(good ? e->error_fd : error_fd);
    if (good) {
        e->access_fd = access_fd;
        e->error_fd = error_fd;
    }
    text_fini(&errors);
    return good;
}

// --- to the others ---

bool edition_send_logs(const struct edition *e, struct channel *to) {
    int fds[] = {e->error_fd, e->access_fd};
    struct order order = {.value = e->access_fd >= 0 ? 1 : 0};
    return order_send(to, ORDER_LOGS, order, (struct slice){0}, fds, 1 + order.value);
}

bool edition_send(const struct edition *e, struct channel *to, bool is_control) {
    const struct config *c = e->generation->config;
    struct order order = {.number = e->generation->number};
    if (!order_send(to, ORDER_LOAD, order, slice_of(c->path), &e->packed_fd, 1)) return false;
    if (is_control) return edition_send_admin(e, to);
    for (size_t i = 0; i < c->listen_count; i++) {
        order.value = (unsigned)i;
        if (!order_send(to, ORDER_LISTENER, order, (struct slice){0}, &e->listen_fds[i], 1))
            return false;
    }
    order.value = 0;
    return order_send(to, ORDER_BUILD, order, (struct slice){0}, NULL, 0);
}

// --- the end ---

void edition_stop_listening(struct edition *e) {
    close_sockets(e, NULL);
}

void edition_free(struct edition *e, const struct edition *kept) {
    if (!e) return;
    close_sockets(e, kept);
    free(e->listen_fds);
    state_folder_close(&e->state);
    close_fd(e->packed_fd);
    close_fd(e->access_fd);
    close_fd(e->error_fd);
    generation_unref(e->generation);
    free(e);
}

static void close_sockets(struct edition *e, const struct edition *kept) {
    const struct config *c = e->generation->config;
    for (size_t i = 0; e->listen_fds && i < c->listen_count; i++) {
        if (e->listen_fds[i] < 0) continue;
        close(e->listen_fds[i]);
        e->listen_fds[i] = -1;
        if (!kept || !has_address(kept, &c->listens[i].address))
            remove_path(&c->listens[i].address);
    }
    bool admin_stays =
        kept && kept->admin_path && e->admin_path && strcmp(kept->admin_path, e->admin_path) == 0;
    if (e->admin_path && !admin_stays) unlink(e->admin_path);
    free(e->admin_path);
    e->admin_path = NULL;
    close_fd(e->admin_fd);
    close_fd(e->remote_fd);
    e->admin_fd = e->remote_fd = -1;
}

static bool has_address(const struct edition *e, const struct address *a) {
    const struct config *c = e->generation->config;
    for (size_t i = 0; i < c->listen_count; i++)
        if (address_equals(&c->listens[i].address, a)) return true;
    return false;
}

// Nobody listens on it any more.
static void remove_path(const struct address *a) {
    if (has_path(a)) unlink(a->local.sun_path);
}

static void close_fd(int fd) {
    if (fd >= 0) close(fd);
}
