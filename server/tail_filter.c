// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/tail_filter.h"

#include <string.h>

#include "routing/path.h"

static bool read_one(struct slice name, struct slice value, struct tail_filter *out);
static bool is_status(struct slice s);
static bool fits_status(struct slice wanted, struct slice line);
static struct slice value_of(struct slice pairs, const char *name);

static const char *const NAMES[TAIL_VALUES] = {
    [TAIL_HOST] = "host",       [TAIL_SITE] = "site",     [TAIL_POOL] = "pool",
    [TAIL_BACKEND] = "backend", [TAIL_REASON] = "reason", [TAIL_ID] = "id",
};

bool tail_filter_read(struct slice query, struct arena *a, struct tail_filter *out) {
    *out = (struct tail_filter){0};
    while (query.at && query.len > 0) {
        struct slice value = slice_cut(&query, '&');
        if (value.len == 0) continue;
        struct slice name = slice_cut(&value, '=');
        bool is_events = !value.at && slice_equals(name, SLICE("events"));
        out->has_events |= is_events;
        if (is_events) continue;
        if (!value.at || !path_decode(a, value, &value)) return false;
        if (!read_one(name, value, out)) return false;
    }
    return true;
}

static bool read_one(struct slice name, struct slice value, struct tail_filter *out) {
    if (slice_equals(name, SLICE("after")))
        return out->has_after = slice_to_u64(value, &out->after);
    if (slice_equals(name, SLICE("status"))) {
        out->status = value;
        return is_status(value);
    }
    for (int i = 0; i < TAIL_VALUES; i++) {
        if (!slice_equals(name, slice_of(NAMES[i]))) continue;
        out->values[i] = value;
        return value.len > 0;
    }
    return false;
}

static bool is_status(struct slice s) {
    bool is_good = s.len == 3;
    for (size_t i = 0; is_good && i < 3; i++)
        is_good = (s.at[i] >= '0' && s.at[i] <= '9') || (i > 0 && s.at[i] == 'x');
    return is_good;
}

// Quotes within the quoted parts are escaped, and spaces within the values behind them.
bool tail_filter_fits(const struct tail_filter *f, struct slice line) {
    const char *quote = line.len > 0 ? memrchr(line.at, '"', line.len) : NULL;
    if (!quote || (f->status.at && !fits_status(f->status, line))) return false;
    struct slice pairs = slice_from(quote + 1, line.at + line.len);
    for (int i = 0; i < TAIL_VALUES; i++)
        if (f->values[i].at && !slice_equals_nocase(f->values[i], value_of(pairs, NAMES[i])))
            return false;
    return true;
}

// It follows the request: ... "GET / HTTP/1.1" 200 ...
static bool fits_status(struct slice wanted, struct slice line) {
    slice_cut(&line, '"');
    slice_cut(&line, '"');
    if (line.len < 4) return false;
    for (size_t i = 0; i < 3; i++)
        if (wanted.at[i] != 'x' && wanted.at[i] != line.at[1 + i]) return false;
    return true;
}

static struct slice value_of(struct slice pairs, const char *name) {
    while (pairs.at && pairs.len > 0) {
        struct slice value = slice_cut(&pairs, ' ');
        if (slice_equals(slice_cut(&value, '='), slice_of(name))) return value;
    }
    return (struct slice){0};
}
