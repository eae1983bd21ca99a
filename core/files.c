// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"

// The maxima of a set besides those of the header.
enum { FILES_MAX = 65536, PATTERNS_MAX = 1024, MATCHES_MAX = 65536 };

// What packs and what unpacks is the same program: the mark only tells a wrong descriptor.
static const struct slice packed_mark = {"rsp files 1\n", 12};

struct file {
    char *path;
    char *why;   // it could not be read; NULL: it could
    char *owned; // the content's memory; NULL: content stands in the mapping
    struct slice content;
    struct file *replaced; // earlier content, promised for the set's life
};

struct pattern {
    char *text;
    char **paths;
    size_t count;
};

struct files {
    char *mapping; // of a packed set; then nothing is read from disk
    size_t mapping_len;
    struct file **files; // sorted by path
    size_t count;
    struct pattern *patterns;
    size_t pattern_count;
    size_t bytes; // read from disk
};

// Where packed bytes are taken from or put.
struct cursor {
    char *at; // NULL: only counts
    size_t len;
    size_t end;
};

static size_t place_of(const struct files *f, const char *path);
static struct file *find_file(const struct files *f, const char *path);
static struct file *add_file(struct files *f, const char *path);
static void free_file(struct file *file);
static void load_file(struct files *f, struct file *file);
static const char *read_descriptor(struct files *f, struct file *file, int fd);
static void fail_file(struct file *file, const char *reason);
static struct pattern *find_pattern(const struct files *f, const char *text);
static struct pattern *add_pattern(struct files *f, const char *text);
static void load_pattern(struct pattern *p);
static void add_match(struct pattern *p, const char *path);
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

static void *make_room(void *old, size_t bytes) {
    void *at = realloc(old, bytes);
    CHECK(at);
    return at;
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
    struct file *file = find_file(f, path);
    if (!file) {
        if (f->count >= FILES_MAX) {
            snprintf(why, why_max, "%s: more than %d files", path, FILES_MAX);
            return false;
        }
        file = add_file(f, path);
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
        p = add_pattern(f, pattern);
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
    if (!p) p = add_pattern(f, pattern);
    add_match(p, path);
}

void files_replace(struct files *f, const char *path, struct slice content) {
    struct file *old = find_file(f, path);
    struct file *file = old ? old : add_file(f, path);
    if (old) {
        struct file *kept = make_room(NULL, sizeof *kept);
        *kept = *old;
        *file = (struct file){.path = copy_string(path), .replaced = kept};
    }
    file->owned = make_room(NULL, content.len + 1);
    if (content.len > 0) memcpy(file->owned, content.at, content.len);
    file->content = (struct slice){file->owned, content.len};
}

bool files_peek(const struct files *f, const char *path, struct slice *content) {
    const struct file *file = find_file(f, path);
    if (!file) return false;
    *content = file->content;
    return true;
}

int files_pack(const struct files *f) {
    struct cursor counted = {0};
    put_set(f, &counted);
    int fd = memfd_create("rsp-files", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -1;
    void *at = MAP_FAILED;
    if (ftruncate(fd, (off_t)counted.len) == 0)
        at = mmap(NULL, counted.len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) {
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

static struct file *find_file(const struct files *f, const char *path) {
    size_t i = place_of(f, path);
    return i < f->count && strcmp(f->files[i]->path, path) == 0 ? f->files[i] : NULL;
}

static struct file *add_file(struct files *f, const char *path) {
    size_t i = place_of(f, path);
    if ((f->count & (f->count - 1)) == 0) // full at each power of two
        f->files = make_room(f->files, (f->count ? 2 * f->count : 1) * sizeof *f->files);
    memmove(f->files + i + 1, f->files + i, (f->count - i) * sizeof *f->files);
    f->count++;
    f->files[i] = make_room(NULL, sizeof **f->files);
    *f->files[i] = (struct file){.path = copy_string(path)};
    return f->files[i];
}

static void free_file(struct file *file) {
    while (file) {
        struct file *next = file->replaced;
        if (file->owned) explicit_bzero(file->owned, file->content.len);
        free(file->owned);
        free(file->path);
        free(file->why);
        free(file);
        file = next;
    }
}

static void load_file(struct files *f, struct file *file) {
    if (f->mapping) {
        fail_file(file, "not among the files that were loaded");
        return;
    }
    // O_NONBLOCK: a FIFO must not stop us.
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *reason = fd < 0 ? strerror(errno) : read_descriptor(f, file, fd);
    if (reason) fail_file(file, reason);
    if (fd >= 0) close(fd);
}

// NULL when all is read, or why not.
static const char *read_descriptor(struct files *f, struct file *file, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0) return strerror(errno);
    if (S_ISDIR(st.st_mode)) return strerror(EISDIR);
    if (!S_ISREG(st.st_mode)) return "not a regular file";
    size_t size = (size_t)st.st_size;
    if (size > FILES_ONE_MAX) return "larger than 8 MiB";
    if (size > FILES_ALL_MAX - f->bytes) return "all files together are larger than 256 MiB";
    file->owned = make_room(NULL, size + 1); // one more, to see that there is no more
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

static void fail_file(struct file *file, const char *reason) {
    file->why = copy_string(reason);
    if (file->owned) explicit_bzero(file->owned, file->content.len);
    free(file->owned);
    file->owned = NULL;
    file->content = (struct slice){NULL, 0};
}

static struct pattern *find_pattern(const struct files *f, const char *text) {
    for (size_t i = 0; i < f->pattern_count; i++)
        if (strcmp(f->patterns[i].text, text) == 0) return &f->patterns[i];
    return NULL;
}

static struct pattern *add_pattern(struct files *f, const char *text) {
    if ((f->pattern_count & (f->pattern_count - 1)) == 0) {
        size_t cap = f->pattern_count ? 2 * f->pattern_count : 1;
        f->patterns = make_room(f->patterns, cap * sizeof *f->patterns);
    }
    struct pattern *p = &f->patterns[f->pattern_count++];
    *p = (struct pattern){.text = copy_string(text)};
    return p;
}

static void load_pattern(struct pattern *p) {
    glob_t found = {0};
    if (glob(p->text, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) add_match(p, found.gl_pathv[i]);
    globfree(&found);
}

static void add_match(struct pattern *p, const char *path) {
    if (p->count >= MATCHES_MAX) {
        log_repeated(LOG_LEVEL_ERROR, "matches",
                     "%s: matches more than %d files, the rest is left out", p->text, MATCHES_MAX);
        return;
    }
    if ((p->count & (p->count - 1)) == 0)
        p->paths = make_room(p->paths, (p->count ? 2 * p->count : 1) * sizeof *p->paths);
    p->paths[p->count++] = copy_string(path);
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
    if (f->count >= FILES_MAX || find_file(f, path.at)) return false;
    struct file *file = add_file(f, path.at);
    if (has_failed)
        fail_file(file, text.at);
    else
        file->content = text;
    return true;
}

static bool take_pattern(struct files *f, struct cursor *c) {
    struct slice text;
    size_t n;
    if (!take_string(c, &text) || !take_number(c, &n) || f->pattern_count >= PATTERNS_MAX)
        return false;
    struct pattern *p = add_pattern(f, text.at);
    while (n-- > 0) {
        struct slice path;
        if (!take_string(c, &path)) return false;
        add_match(p, path.at);
    }
    return true;
}
