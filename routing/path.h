// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/arena.h"
#include "core/text.h"
#include "routing/site.h"

// The paths of one site. A pattern is a list of segments: text, {name} (captures one segment), * (any one segment), and at the end *
// for any rest: "/v1/*" takes /v1, /v1/ and everything below. Neither {name} nor a * in the middle takes an empty segment.
//
// Which pattern wins: one without a rest before one with a rest; of several without, the one whose text comes first from the left (so
// an exact path wins always, and /a/b/{x} before /a/{y}/c); of several with a rest, the longest, then the same. Two patterns that
// differ only in the names of captures are a tie: an error while loading.
//
// How a path is compared. The raw path is forwarded as it came; matching reads it in two ways:
//   plain: cut at each "/", each segment percent-decoded once (so %61 is a, and %2F is a slash inside a segment, not a cut);
//   collapsed: as lenient backends read it: percent-decoded first, "\" is "/", parameters (";...") are cut off, empty segments and "."
//   are dropped, ".." takes its parent away.
// When both fit the same rule, that rule has it. When they fit different rules, or the path holds %00 or a broken escape, it is refused
// as ambiguous (400): no rule can be passed by with %2e, %2f, "//", "/../" or ";". Sites without `paths` do not look at the path.
struct path_tree;
enum { PATTERN_SEGMENTS_MAX = 32, CAPTURES_MAX = 16 };

struct capture {
    struct slice name;
    struct slice raw; // the segment as it came: percent-decoded once, by whoever uses it
};
struct captures {
    struct capture at[CAPTURES_MAX];
    unsigned count;
};

enum path_match { PATH_FOUND, PATH_NONE, PATH_AMBIGUOUS };

// Says in `why` what is wrong with a pattern.
bool path_pattern_check(struct slice pattern, struct text *why);
// Whether a pattern captures this name.
bool path_pattern_captures(struct slice pattern, struct slice name);

struct path_tree *path_tree_new(struct arena *a);
// rule->pattern was checked and lives as long as the tree. The rule that is there already, or NULL.
struct rule *path_tree_add(struct path_tree *t, struct arena *a, struct rule *rule);
// `a` is for this request. Captures are filled on PATH_FOUND.
enum path_match path_tree_find(const struct path_tree *t, struct arena *a, struct slice path,
                               struct rule **rule, struct captures *captures);
// All rules that the plain reading fits, up to `max`, in no order; returns their number. For explain.
size_t path_tree_list(const struct path_tree *t, struct arena *a, struct slice path,
                      struct rule **rules, size_t max);
size_t path_tree_count(const struct path_tree *t);
struct rule *path_tree_rule(const struct path_tree *t, size_t i);
void path_tree_sort(struct path_tree *t); // path_tree_rule() in the order of the file from now on

// Percent-decoded once. False on a broken escape or %00; *out is `s` itself when nothing was encoded.
bool path_decode(struct arena *a, struct slice s, struct slice *out);
