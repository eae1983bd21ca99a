// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/files_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "core/undumped.h"

static size_t place_of(const struct files *f, const char *path);
static void take_room(struct file *file, size_t bytes);
static void free_file(struct file *file);
static void load_file(struct files *f, struct file *file);
static const char *read_descriptor(struct files *f, struct file *file, int fd);
static struct pattern *find_pattern(const struct files *f, const char *text);
static void load_pattern(struct pattern *p);

static void *make_room(void *old, size_t bytes) {
    void *at = realloc(old, bytes);
    CHECK(at);
    return at;
}

// An array of `count` gets memory at each power of two.
static void *room_for_one_more(void *array, size_t count, size_t bytes_each) {
    if ((count & (count - 1)) != 0) return array;
    return make_room(array, (count > 0 ? 2 * count : 1) * bytes_each);
}

static char *copy_string(const char *s) {
    char *copy = strdup(s);
    CHECK(copy);
    return copy;
}

struct files *files_new(void) {
    struct files *f = calloc(1, sizeof *f);
    CHECK(f);
    return f;
}

void files_free(struct files *f) {
    if (!f) return;
    for (size_t i = 0; i < f->count; i++) free_file(f->files[i]);
    for (size_t i = 0; i < f->pattern_count; i++) {
        for (size_t k = 0; k < f->patterns[i].count; k++) free(f->patterns[i].paths[k]);
        free(f->patterns[i].paths);
        free(f->patterns[i].text);
    }
    if (f->mapping) munmap(f->mapping, f->mapping_len);
    free(f->files);
    free(f->patterns);
    free(f);
}

bool files_read(struct files *f, const char *path, struct slice *content, char *why,
                size_t why_max) {
    struct file *file = files_find(f, path);
    if (!file) {
        if (f->count >= FILES_MAX) {
            snprintf(why, why_max, "%s: more than %d files", path, FILES_MAX);
            return false;
        }
        file = files_add(f, path);
        load_file(f, file);
    }
    if (file->why) {
        snprintf(why, why_max, "%s: %s", path, file->why);
        return false;
    }
    *content = file->content;
    return true;
}

size_t files_glob(struct files *f, const char *pattern, const char *const **paths) {
    struct pattern *p = find_pattern(f, pattern);
    if (!p) {
        if (f->pattern_count >= PATTERNS_MAX) {
            log_error("%s: more than %d patterns, this one finds nothing", pattern, PATTERNS_MAX);
            *paths = NULL;
            return 0;
        }
        p = files_add_pattern(f, pattern);
        if (!f->mapping) load_pattern(p);
    }
    *paths = (const char *const *)p->paths;
    return p->count;
}

size_t files_peek_glob(const struct files *f, const char *pattern, const char *const **paths) {
    const struct pattern *p = find_pattern(f, pattern);
    *paths = p ? (const char *const *)p->paths : NULL;
    return p ? p->count : 0;
}

void files_add_match(struct files *f, const char *pattern, const char *path) {
    struct pattern *p = find_pattern(f, pattern);
    if (!p) p = files_add_pattern(f, pattern);
    files_add_path(p, path);
}

void files_replace(struct files *f, const char *path, struct slice content) {
    struct file *old = files_find(f, path);
    struct file *file = old ? old : files_add(f, path);
    if (old) {
        struct file *kept = make_room(NULL, sizeof *kept);
        *kept = *old;
        *file = (struct file){.path = copy_string(path), .replaced = kept};
    }
    take_room(file, content.len + 1);
    if (content.len > 0) memcpy(file->owned, content.at, content.len);
    file->content = (struct slice){file->owned, content.len};
}

bool files_peek(const struct files *f, const char *path, struct slice *content) {
    const struct file *file = files_find(f, path);
    if (!file) return false;
    *content = file->content;
    return true;
}

// Where the path stands, or would stand.
static size_t place_of(const struct files *f, const char *path) {
    size_t low = 0;
    size_t high = f->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(f->files[middle]->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct file *files_find(const struct files *f, const char *path) {
    size_t i = place_of(f, path);
    return i < f->count && strcmp(f->files[i]->path, path) == 0 ? f->files[i] : NULL;
}

struct file *files_add(struct files *f, const char *path) {
    size_t i = place_of(f, path);
    f->files = room_for_one_more(f->files, f->count, sizeof *f->files);
    memmove(f->files + i + 1, f->files + i, (f->count - i) * sizeof *f->files);
    f->count++;
    f->files[i] = make_room(NULL, sizeof **f->files);
    *f->files[i] = (struct file){.path = copy_string(path)};
    return f->files[i];
}

static void take_room(struct file *file, size_t bytes) {
    file->owned = undumped_new(bytes);
    file->owned_bytes = bytes;
}

static void free_file(struct file *file) {
    while (file) {
        struct file *next = file->replaced;
        undumped_free(file->owned, file->owned_bytes);
        free(file->path);
        free(file->why);
        free(file);
        file = next;
    }
}

static void load_file(struct files *f, struct file *file) {
    if (f->mapping) {
        files_fail_one(file, "not among the files that were loaded");
        return;
    }
    // O_NONBLOCK: a FIFO must not stop us.
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *reason = fd < 0 ? strerror(errno) : read_descriptor(f, file, fd);
    if (reason) files_fail_one(file, reason);
    if (fd >= 0) close(fd);
}

// NULL when all is read, or why not.
static const char *read_descriptor(struct files *f, struct file *file, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0) return strerror(errno);
    if (S_ISDIR(st.st_mode)) return strerror(EISDIR);
    if (!S_ISREG(st.st_mode)) return "not a regular file";
    size_t size = (size_t)st.st_size;
    if (size > FILES_ONE_MAX) return "larger than 32 MiB";
    if (size > FILES_ALL_MAX - f->bytes) return "all files together are larger than 256 MiB";
    take_room(file, size + 1); // one more, to see that there is no more
    file->content = (struct slice){file->owned, size + 1};
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, file->owned + len, size + 1 - len)) > 0) len += (size_t)n;
    if (n < 0) return strerror(errno);
    if (len > size) return "is being written to";
    file->content = (struct slice){file->owned, len};
    f->bytes += len;
    return NULL;
}

void files_fail_one(struct file *file, const char *reason) {
    file->why = copy_string(reason);
    undumped_free(file->owned, file->owned_bytes);
    file->owned = NULL;
    file->content = (struct slice){NULL, 0};
}

static struct pattern *find_pattern(const struct files *f, const char *text) {
    for (size_t i = 0; i < f->pattern_count; i++)
        if (strcmp(f->patterns[i].text, text) == 0) return &f->patterns[i];
    return NULL;
}

struct pattern *files_add_pattern(struct files *f, const char *text) {
    f->patterns = room_for_one_more(f->patterns, f->pattern_count, sizeof *f->patterns);
    struct pattern *p = &f->patterns[f->pattern_count++];
    *p = (struct pattern){.text = copy_string(text)};
    return p;
}

static void load_pattern(struct pattern *p) {
    glob_t found = {0};
    if (glob(p->text, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) files_add_path(p, found.gl_pathv[i]);
    globfree(&found);
}

void files_add_path(struct pattern *p, const char *path) {
    if (p->count >= MATCHES_MAX) {
        log_repeated(LOG_LEVEL_ERROR, "matches",
                     "%s: matches more than %d files, the rest is left out", p->text, MATCHES_MAX);
        return;
    }
    p->paths = room_for_one_more(p->paths, p->count, sizeof *p->paths);
    p->paths[p->count++] = copy_string(path);
}
