// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "routing/path.h"

#include <ctype.h>
#include <stdlib.h>

struct node;
struct child {
    struct slice text; // decoded
    struct node *node;
};
struct node {
    struct child *children; // sorted by length, then bytes
    size_t count, room;
    struct node *any;  // {name} or * in the middle
    struct rule *rule; // a pattern that ends here
    struct rule *rest; // one that goes on with /*
};
struct path_tree {
    struct node root;
    struct rule **rules;
    size_t count, room;
    size_t depth; // of the longest pattern
};

// The segments of one path; `last` more follow that no pattern looks at.
struct segments {
    struct slice *at;
    size_t count;
};

struct search {
    const struct segments *segments;
    struct rule *full;
    struct rule *rest;
    size_t rest_depth;
    struct rule **all; // when listing
    size_t all_count, all_max;
};

static bool check_segment(struct slice pattern, struct slice segment, bool is_last,
                          struct text *why);
static int compare_places(const void *a, const void *b);
static bool is_capture(struct slice segment);
static bool is_placeholder(struct slice segment);
static struct slice without_slash(struct slice path);
static struct node *child_of(struct path_tree *t, struct arena *a, struct node *n,
                             struct slice text);
static size_t find_child(const struct node *n, struct slice text, bool *is_there);
static int compare(struct slice a, struct slice b);
static bool is_suspicious(struct slice path);
static bool split_plain(const struct path_tree *t, struct arena *a, struct slice path,
                        struct segments *out);
static bool split_collapsed(struct arena *a, struct slice path, struct segments *out);
static void add_collapsed(struct segments *out, struct slice segment, bool is_last);
static struct rule *search(const struct path_tree *t, const struct segments *segments);
static void visit(struct search *s, const struct node *n, size_t depth);
static void add_captures(struct captures *captures, const char *pattern, struct slice path);

bool path_pattern_check(struct slice pattern, struct text *why) {
    struct slice names[CAPTURES_MAX];
    size_t count = 0, captures = 0;
    if (pattern.len == 0 || pattern.at[0] != '/') {
        text_printf(why, "a path begins with '/'");
        return false;
    }
    for (struct slice rest = without_slash(pattern); rest.at;) {
        struct slice segment = slice_cut(&rest, '/');
        if (++count > PATTERN_SEGMENTS_MAX) {
            text_printf(why, "a path has at most %d segments", PATTERN_SEGMENTS_MAX);
            return false;
        }
        if (!check_segment(pattern, segment, !rest.at, why)) return false;
        if (!is_capture(segment)) continue;
        if (is_placeholder(segment)) {
            text_printf(why, "%.*s means something else in keys and redirects; choose another name",
                        SLICE_ARGS(segment));
            return false;
        }
        for (size_t i = 0; i < captures; i++)
            if (slice_equals(names[i], segment)) {
                text_printf(why, "%.*s stands in it twice", SLICE_ARGS(segment));
                return false;
            }
        if (captures == CAPTURES_MAX) {
            text_printf(why, "a path captures at most %d segments", CAPTURES_MAX);
            return false;
        }
        names[captures++] = segment;
    }
    return true;
}

bool path_pattern_captures(struct slice pattern, struct slice name) {
    for (struct slice rest = without_slash(pattern); rest.at;) {
        struct slice segment = slice_cut(&rest, '/');
        if (is_capture(segment) &&
            slice_equals((struct slice){segment.at + 1, segment.len - 2}, name))
            return true;
    }
    return false;
}

struct path_tree *path_tree_new(struct arena *a) {
    return arena_zalloc(a, sizeof(struct path_tree));
}

struct rule *path_tree_add(struct path_tree *t, struct arena *a, struct rule *rule) {
    struct node *n = &t->root;
    struct rule **end = NULL;
    size_t depth = 0;
    for (struct slice rest = without_slash(slice_of(rule->pattern)); rest.at; depth++) {
        struct slice segment = slice_cut(&rest, '/'), decoded;
        bool is_star = slice_equals(segment, SLICE("*"));
        if (is_star && !rest.at) {
            end = &n->rest;
        } else if (is_star || is_capture(segment)) {
            if (!n->any) n->any = arena_zalloc(a, sizeof *n->any);
            n = n->any;
        } else {
            path_decode(a, segment, &decoded);
            n = child_of(t, a, n, decoded);
        }
    }
    if (!end) end = &n->rule;
    if (*end) return *end;
    *end = rule;
    if (depth > t->depth) t->depth = depth;
    if (t->count == t->room) {
        size_t room = t->room ? t->room * 2 : 4;
        struct rule **rules = arena_alloc(a, room * sizeof *rules);
        if (t->count > 0) memcpy(rules, t->rules, t->count * sizeof *rules);
        t->rules = rules;
        t->room = room;
    }
    t->rules[t->count++] = rule;
    return NULL;
}

enum path_match path_tree_find(const struct path_tree *t, struct arena *a, struct slice path,
                               struct rule **rule, struct captures *captures) {
    struct segments plain, collapsed;
    captures->count = 0;
    if (!split_plain(t, a, path, &plain)) return PATH_AMBIGUOUS;
    *rule = search(t, &plain);
    if (is_suspicious(path)) {
        if (!split_collapsed(a, path, &collapsed)) return PATH_AMBIGUOUS;
        if (search(t, &collapsed) != *rule) return PATH_AMBIGUOUS;
    }
    if (!*rule) return PATH_NONE;
    if (strchr((*rule)->pattern, '{')) add_captures(captures, (*rule)->pattern, path);
    return PATH_FOUND;
}

size_t path_tree_list(const struct path_tree *t, struct arena *a, struct slice path,
                      struct rule **rules, size_t max) {
    struct segments plain;
    if (!split_plain(t, a, path, &plain)) return 0;
    struct search s = {.segments = &plain, .all = rules, .all_max = max};
    visit(&s, &t->root, 0);
    return s.all_count;
}

size_t path_tree_count(const struct path_tree *t) {
    return t->count;
}

struct rule *path_tree_rule(const struct path_tree *t, size_t i) {
    return t->rules[i];
}

void path_tree_sort(struct path_tree *t) {
    if (t->count > 0) qsort(t->rules, t->count, sizeof *t->rules, compare_places);
}

bool path_decode(struct arena *a, struct slice s, struct slice *out) {
    *out = s;
    if (slice_find(s, '%') < 0) return true;
    char *at = arena_alloc(a, s.len);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '%') {
            int byte = slice_hex_byte(slice_skip(s, i + 1));
            if (byte <= 0) return false;
            c = (char)byte;
            i += 2;
        }
        at[len++] = c;
    }
    *out = (struct slice){at, len};
    return true;
}

static int compare_places(const void *a, const void *b) {
    const struct rule *p = *(struct rule *const *)a, *q = *(struct rule *const *)b;
    if (p->place.line != q->place.line) return p->place.line < q->place.line ? -1 : 1;
    return strcmp(p->pattern, q->pattern);
}

static bool check_segment(struct slice pattern, struct slice segment, bool is_last,
                          struct text *why) {
    bool is_star = slice_equals(segment, SLICE("*"));
    if (segment.len == 0 && !is_last) {
        text_printf(why, "'//' is never matched");
        return false;
    }
    if (slice_equals(segment, SLICE(".")) || slice_equals(segment, SLICE(".."))) {
        text_printf(why, "'.' and '..' are never matched");
        return false;
    }
    bool has_brace = slice_find(segment, '{') >= 0 || slice_find(segment, '}') >= 0;
    if ((has_brace && !is_capture(segment)) || (slice_find(segment, '*') >= 0 && !is_star)) {
        text_printf(why, "{name} and * stand for whole segments: '%.*s'", SLICE_ARGS(segment));
        return false;
    }
    for (size_t i = 0; i < segment.len; i++) {
        unsigned char c = (unsigned char)segment.at[i];
        if (c > 0x20 && c != 0x7f && !strchr("?#;\\", c)) continue;
        text_printf(why, "'%.*s' has a byte in it that no path has", SLICE_ARGS(pattern));
        return false;
    }
    for (size_t i = 0; i < segment.len; i++) {
        if (segment.at[i] != '%' || slice_hex_byte(slice_skip(segment, i + 1)) > 0) continue;
        text_printf(why, "'%.*s' has a broken escape", SLICE_ARGS(pattern));
        return false;
    }
    return true;
}

// {name}, of letters, digits and _.
static bool is_capture(struct slice segment) {
    if (segment.len < 3 || segment.at[0] != '{' || segment.at[segment.len - 1] != '}') return false;
    for (size_t i = 1; i + 1 < segment.len; i++)
        if (!isalnum((unsigned char)segment.at[i]) && segment.at[i] != '_') return false;
    return true;
}

// The names that templates have for other things.
static bool is_placeholder(struct slice segment) {
    static const char *const names[] = {"{host}", "{path}", "{uri}", "{scheme}", "{method}"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_equals(segment, slice_of(names[i]))) return true;
    return false;
}

// What follows the first '/'; of "*" (OPTIONS *) nothing.
static struct slice without_slash(struct slice path) {
    if (path.len == 0 || path.at[0] != '/') return SLICE("");
    return slice_skip(path, 1);
}

static struct node *child_of(struct path_tree *t, struct arena *a, struct node *n,
                             struct slice text) {
    (void)t;
    bool is_there;
    size_t i = find_child(n, text, &is_there);
    if (is_there) return n->children[i].node;
    if (n->count == n->room) {
        size_t room = n->room ? n->room * 2 : 2;
        struct child *children = arena_alloc(a, room * sizeof *children);
        if (n->count > 0) memcpy(children, n->children, n->count * sizeof *children);
        n->children = children;
        n->room = room;
    }
    memmove(&n->children[i + 1], &n->children[i], (n->count - i) * sizeof *n->children);
    n->count++;
    n->children[i] = (struct child){text, arena_zalloc(a, sizeof *n)};
    return n->children[i].node;
}

// Its position, or the one where it would be.
static size_t find_child(const struct node *n, struct slice text, bool *is_there) {
    size_t low = 0, high = n->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(n->children[middle].text, text);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *is_there = false;
    return low;
}

static int compare(struct slice a, struct slice b) {
    if (a.len != b.len) return a.len < b.len ? -1 : 1;
    return a.len > 0 ? memcmp(a.at, b.at, a.len) : 0;
}

// May the two readings of this path differ at all?
static bool is_suspicious(struct slice path) {
    for (size_t i = 0; i < path.len; i++) {
        char c = path.at[i];
        if (c == '%' || c == ';' || c == '\\') return true;
        if (c == '/' && i + 1 < path.len && (path.at[i + 1] == '/' || path.at[i + 1] == '.'))
            return true;
    }
    return false;
}

// No more segments than one over the longest pattern are needed.
static bool split_plain(const struct path_tree *t, struct arena *a, struct slice path,
                        struct segments *out) {
    *out = (struct segments){arena_alloc(a, (t->depth + 1) * sizeof *out->at), 0};
    for (struct slice rest = without_slash(path); rest.at;) {
        struct slice segment = slice_cut(&rest, '/'), decoded;
        if (!path_decode(a, segment, &decoded)) return false;
        if (out->count <= t->depth) out->at[out->count++] = decoded;
    }
    return true;
}

static bool split_collapsed(struct arena *a, struct slice path, struct segments *out) {
    struct slice decoded;
    if (!path_decode(a, path, &decoded)) return false;
    struct slice copy = arena_copy(a, decoded);
    char *bytes = (char *)copy.at;
    size_t most = 1;
    for (size_t i = 0; i < copy.len; i++) {
        if (bytes[i] == '\\') bytes[i] = '/';
        most += bytes[i] == '/';
    }
    *out = (struct segments){arena_alloc(a, most * sizeof *out->at), 0};
    for (struct slice rest = without_slash(copy); rest.at;) {
        struct slice segment = slice_cut(&rest, '/');
        struct slice name = slice_cut(&segment, ';');
        add_collapsed(out, name, !rest.at);
    }
    return true;
}

// An empty last segment stays: "/a/" is not "/a".
static void add_collapsed(struct segments *out, struct slice segment, bool is_last) {
    bool is_parent = slice_equals(segment, SLICE(".."));
    bool is_dot = slice_equals(segment, SLICE("."));
    if (is_parent && out->count > 0) out->count--;
    if (is_parent || is_dot) segment.len = 0;
    if (segment.len > 0 || is_last) out->at[out->count++] = segment;
}

static struct rule *search(const struct path_tree *t, const struct segments *segments) {
    struct search s = {.segments = segments};
    visit(&s, &t->root, 0);
    return s.full ? s.full : s.rest;
}

// Depth first, text before captures: the first full match is the best one.
static void visit(struct search *s, const struct node *n, size_t depth) {
    const struct segments *segments = s->segments;
    if (n->rest && (!s->rest || depth > s->rest_depth)) {
        s->rest = n->rest;
        s->rest_depth = depth;
    }
    if (n->rest && s->all_count < s->all_max) s->all[s->all_count++] = n->rest;
    if (depth == segments->count) {
        if (n->rule && s->all_count < s->all_max) s->all[s->all_count++] = n->rule;
        s->full = s->full ? s->full : n->rule;
        return;
    }
    bool is_there;
    size_t i = find_child(n, segments->at[depth], &is_there);
    if (is_there) visit(s, n->children[i].node, depth + 1);
    if (s->full && !s->all) return;
    if (n->any && segments->at[depth].len > 0) visit(s, n->any, depth + 1);
}

static void add_captures(struct captures *captures, const char *pattern, struct slice path) {
    struct slice names = without_slash(slice_of(pattern)), rest = without_slash(path);
    while (names.at && rest.at) {
        struct slice name = slice_cut(&names, '/'), raw = slice_cut(&rest, '/');
        if (!is_capture(name)) continue;
        struct slice bare = {name.at + 1, name.len - 2};
        captures->at[captures->count++] = (struct capture){bare, raw};
    }
}
