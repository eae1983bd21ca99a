// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/chain/path.h"

#include <string.h>

static time_t latest_begin(const struct path *p);

int path_compare(const struct path *a, const struct path *b) {
    if (a->bits != b->bits) return a->bits > b->bits ? -1 : 1;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    time_t end_a = path_end(a), end_b = path_end(b);
    if (end_a != end_b) return end_a > end_b ? -1 : 1;
    time_t begin_a = latest_begin(a), begin_b = latest_begin(b);
    if (begin_a != begin_b) return begin_a > begin_b ? -1 : 1;
    for (size_t i = 0; i < a->length; i++) {
        int order = memcmp(a->steps[i]->print, b->steps[i]->print, PRINT_BYTES);
        if (order != 0) return order;
    }
    return 0;
}

time_t path_end(const struct path *p) {
    time_t end = p->length > 0 ? p->steps[0]->ends : 0;
    for (size_t i = 1; i < p->length; i++)
        if (p->steps[i]->ends < end) end = p->steps[i]->ends;
    return end;
}

static time_t latest_begin(const struct path *p) {
    time_t begin = p->length > 0 ? p->steps[0]->begins : 0;
    for (size_t i = 1; i < p->length; i++)
        if (p->steps[i]->begins > begin) begin = p->steps[i]->begins;
    return begin;
}
