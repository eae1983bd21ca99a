// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "routing/decide.h"

// One `test "name" { ... }` of a file of route tests.

enum { TEST_FIELDS_MAX = 16 };
enum expectation {
    EXPECT_LOCATION,
    EXPECT_BODY,
    EXPECT_POOL,
    EXPECT_BACKEND,
    EXPECT_KEY,
    EXPECT_SITE,
    EXPECT_PATH,
    EXPECT_COUNT
};

struct route_test {
    struct place place;
    char *name;
    struct slice *requests; // "METHOD URL"
    size_t request_count;
    bool is_same_backend;
    char *from;
    bool
        has_certificate; // of names asked on plain ports: they are redirected to HTTPS where the route file lets them be
    unsigned times; // each request is asked, one turn after the other
    struct answer_field fields[TEST_FIELDS_MAX];
    unsigned field_count;
    unsigned status; // 0: not asked
    char *expect[EXPECT_COUNT];
    struct answer_field sent[TEST_FIELDS_MAX]; // value.at NULL: is not sent
    unsigned sent_count;
    unsigned backends; // so many different ones, over all requests; 0: not asked
};

// route_coverage.c: says which rules are not among `asked` (struct rule *, which get sorted).
struct pointers;
void coverage_report(const struct config *config, struct pointers *asked, struct text *out);
