// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"

enum { FOLDER_MODE = 0700 };

struct owner {
    uid_t uid;
    gid_t gid;
};

static struct slice systemd_folder(void);
static bool find_owner(const char *user, struct owner *out);
static const char *open_folder(const char *folder, const struct owner *who, int *fd);
static const char *check_folder(const char *folder, const struct owner *who);
static bool may_write(const struct stat *s, const struct owner *who);
static bool complain(const struct admin_conf *admin, const char *path, const char *why,
                     struct text *errors);
static char *folder_of(const char *path);

static const char NOT_HIS[] =
    "the user that control runs as (user = ...) may not write to the folder; "
    "give it to him with chown";

bool state_folder_open(const struct admin_conf *admin, const char *user, struct state_place *out,
                       struct text *errors) {
    struct owner who;
    *out = (struct state_place){.path = state_folder_path(admin), .folder_fd = -1};
    if (!out->path) return true;
    char *folder = folder_of(out->path);
    const char *why = find_owner(user, &who) ? open_folder(folder, &who, &out->folder_fd)
                                             : "there is no such user";
    bool is_good = !why || complain(admin, out->path, why, errors);
    free(folder);
    if (!is_good) state_folder_close(out);
    return is_good;
}

void state_folder_close(struct state_place *p) {
    if (p->folder_fd >= 0) close(p->folder_fd);
    free(p->path);
    *p = (struct state_place){.folder_fd = -1};
}

bool state_folder_check(const struct admin_conf *admin, const char *user, struct text *errors) {
    struct owner who;
    char *path = state_folder_path(admin);
    if (!path) return true;
    char *folder = folder_of(path);
    const char *why = find_owner(user, &who) ? check_folder(folder, &who) : "there is no such user";
    bool is_good = !why || complain(admin, path, why, errors);
    free(folder);
    free(path);
    return is_good;
}

char *state_folder_path(const struct admin_conf *admin) {
    char *path = NULL;
    struct slice folder = systemd_folder();
    if (admin->state)
        path = strdup(admin->state);
    else if (folder.len == 0 || asprintf(&path, "%.*s/state.json", SLICE_ARGS(folder)) < 0)
        path = NULL;
    return path;
}

// The first of them.
static struct slice systemd_folder(void) {
    struct slice folders = slice_of(getenv("STATE_DIRECTORY"));
    return slice_cut(&folders, ':');
}

static bool find_owner(const char *user, struct owner *out) {
    *out = (struct owner){geteuid(), getegid()};
    if (geteuid() != 0) return true;
    const struct passwd *pw = getpwnam(user ? user : "nobody");
    if (pw) *out = (struct owner){pw->pw_uid, pw->pw_gid};
    return pw != NULL;
}

static const char *open_folder(const char *folder, const struct owner *who, int *fd) {
    bool is_new = mkdir(folder, FOLDER_MODE) == 0;
    bool is_ours = is_new || slice_equals(systemd_folder(), slice_of(folder));
    struct stat s;
    if (!is_new && errno != EEXIST) return strerror(errno);
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &s) != 0) return strerror(errno);
    if (is_ours && geteuid() == 0 && s.st_uid != who->uid && fchown(*fd, who->uid, who->gid) != 0)
        return strerror(errno);
    if (fstat(*fd, &s) != 0) return strerror(errno);
    return may_write(&s, who) ? NULL : NOT_HIS;
}

static const char *check_folder(const char *folder, const struct owner *who) {
    struct stat s;
    if (stat(folder, &s) == 0) {
        if (!S_ISDIR(s.st_mode)) return strerror(ENOTDIR);
        bool is_given = geteuid() == 0 && slice_equals(systemd_folder(), slice_of(folder));
        return is_given || may_write(&s, who) ? NULL : NOT_HIS;
    }
    if (errno != ENOENT) return strerror(errno);
    char *above = folder_of(folder);
    const char *why = access(above, W_OK | X_OK) == 0 ? NULL : strerror(errno);
    free(above);
    return why;
}

static bool may_write(const struct stat *s, const struct owner *who) {
    mode_t needed = S_IWOTH | S_IXOTH;
    if (who->uid == 0) return true;
    if (s->st_uid == who->uid)
        needed = S_IWUSR | S_IXUSR;
    else if (s->st_gid == who->gid)
        needed = S_IWGRP | S_IXGRP;
    return (s->st_mode & needed) == needed;
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    char *folder = slash && len == 0 ? strdup("/") : slash ? strndup(path, len) : strdup(".");
    CHECK(folder);
    return folder;
}

static bool complain(const struct admin_conf *admin, const char *path, const char *why,
                     struct text *errors) {
    if (admin->state)
        text_printf(errors, "%s:%d: admin: state: %s: %s\n", admin->place.file, admin->place.line,
                    path, why);
    else
        text_printf(errors, "%s (STATE_DIRECTORY): %s\n", path, why);
    return false;
}
