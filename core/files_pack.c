// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// The packed form of a set, in a sealed memory file.

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files_parts.h"
#include "core/undumped.h"

// What packs and what unpacks is the same program: the mark only tells a wrong descriptor.
static const struct slice packed_mark = {"rsp files 1\n", 12};

// Where packed bytes are taken from or put.
struct cursor {
    char *at; // NULL: only counts
    size_t len;
    size_t end;
};

static void put_set(const struct files *f, struct cursor *c);
static void put(struct cursor *c, struct slice s);
static void put_number(struct cursor *c, size_t n);
static void put_string(struct cursor *c, struct slice s);
static const char *map_set(struct files *f, int fd);
static bool take_set(struct files *f, struct cursor *c);
static bool take_number(struct cursor *c, size_t *n);
static bool take_string(struct cursor *c, struct slice *s);
static bool take_file(struct files *f, struct cursor *c);
static bool take_pattern(struct files *f, struct cursor *c);

int files_pack(const struct files *f) {
    struct cursor counted = {0};
    put_set(f, &counted);
    int fd = memfd_create("rsp-files", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -1;
    void *at = MAP_FAILED;
    if (ftruncate(fd, (off_t)counted.len) == 0)
        at = mmap(NULL, counted.len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) {
        undumped_mark(at, counted.len);
        put_set(f, &(struct cursor){.at = at});
        munmap(at, counted.len); // F_SEAL_WRITE is refused as long as a writable mapping exists
        int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
        if (fcntl(fd, F_ADD_SEALS, seals) == 0) return fd;
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

struct files *files_unpack(int fd, char *why, size_t why_max) {
    struct files *f = files_new();
    const char *reason = map_set(f, fd);
    struct cursor c = {.at = f->mapping, .end = f->mapping_len};
    if (!reason && !take_set(f, &c)) reason = "not a packed set of files";
    if (!reason) return f;
    snprintf(why, why_max, "%s", reason);
    files_free(f);
    return NULL;
}

bool files_is_unpacked(const struct files *f) {
    return f->mapping != NULL;
}

static void put_set(const struct files *f, struct cursor *c) {
    put(c, packed_mark);
    put_number(c, f->count);
    for (size_t i = 0; i < f->count; i++) {
        const struct file *file = f->files[i];
        put_string(c, slice_of(file->path));
        put_number(c, file->why != NULL);
        put_string(c, file->why ? slice_of(file->why) : file->content);
    }
    put_number(c, f->pattern_count);
    for (size_t i = 0; i < f->pattern_count; i++) {
        const struct pattern *p = &f->patterns[i];
        put_string(c, slice_of(p->text));
        put_number(c, p->count);
        for (size_t k = 0; k < p->count; k++) put_string(c, slice_of(p->paths[k]));
    }
}

static void put(struct cursor *c, struct slice s) {
    if (c->at && s.len > 0) memcpy(c->at + c->len, s.at, s.len);
    c->len += s.len;
}

static void put_number(struct cursor *c, size_t n) {
    uint32_t packed = (uint32_t)n;
    put(c, (struct slice){(const char *)&packed, sizeof packed});
}

// With a NUL after it, so that paths can be used where they stand.
static void put_string(struct cursor *c, struct slice s) {
    put_number(c, s.len);
    put(c, s);
    put(c, (struct slice){"", 1});
}

// NULL or why not. Without the seals another process could change, or cut, what we read.
static const char *map_set(struct files *f, int fd) {
    const int wanted = F_SEAL_SHRINK | F_SEAL_WRITE;
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;
    if (seals < 0 || (seals & wanted) != wanted) return "not a sealed memory file";
    if (fstat(fd, &st) != 0) return strerror(errno);
    if (st.st_size == 0) return "not a packed set of files";
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return strerror(errno);
    undumped_mark(at, (size_t)st.st_size);
    f->mapping = at;
    f->mapping_len = (size_t)st.st_size;
    return NULL;
}

static bool take_set(struct files *f, struct cursor *c) {
    if (c->end < packed_mark.len || memcmp(c->at, packed_mark.at, packed_mark.len) != 0)
        return false;
    c->len = packed_mark.len;
    size_t n;
    if (!take_number(c, &n)) return false;
    while (n-- > 0)
        if (!take_file(f, c)) return false;
    if (!take_number(c, &n)) return false;
    while (n-- > 0)
        if (!take_pattern(f, c)) return false;
    return c->len == c->end;
}

static bool take_number(struct cursor *c, size_t *n) {
    uint32_t packed;
    if (c->end - c->len < sizeof packed) return false;
    memcpy(&packed, c->at + c->len, sizeof packed);
    c->len += sizeof packed;
    *n = packed;
    return true;
}

static bool take_string(struct cursor *c, struct slice *s) {
    if (!take_number(c, &s->len) || c->end - c->len <= s->len) return false;
    s->at = c->at + c->len;
    c->len += s->len + 1;
    return s->at[s->len] == '\0';
}

static bool take_file(struct files *f, struct cursor *c) {
    struct slice path, text;
    size_t has_failed;
    if (!take_string(c, &path) || !take_number(c, &has_failed) || !take_string(c, &text))
        return false;
    if (f->count >= FILES_MAX || files_find(f, path.at)) return false;
    struct file *file = files_add(f, path.at);
    if (has_failed)
        files_fail_one(file, text.at);
    else
        file->content = text;
    return true;
}

static bool take_pattern(struct files *f, struct cursor *c) {
    struct slice text;
    size_t n;
    if (!take_string(c, &text) || !take_number(c, &n) || f->pattern_count >= PATTERNS_MAX)
        return false;
    struct pattern *p = files_add_pattern(f, text.at);
    while (n-- > 0) {
        struct slice path;
        if (!take_string(c, &path)) return false;
        files_add_path(p, path.at);
    }
    return true;
}
