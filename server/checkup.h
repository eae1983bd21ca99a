// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/generation.h"
#include "routing/member.h"

// One check of one member: connect (PROXY header and TLS as requests have them), GET, read the whole answer by the strict
// parser (its head up to 16 KiB, its body up to 64 KiB), within one time limit.
struct checkup;

struct checkup_conf {
    struct loop *loop;
    struct resolver *resolver;
    struct generation *generation; // referenced; its pool says how
    const struct pool *pool;
    struct member *member; // referenced
    // Once, from the loop; why: "GET /healthz answered 500", valid during the call. The checkup is gone after it.
    void (*on_done)(void *arg, bool is_good, const char *why);
    void *arg;
};
struct checkup *checkup_start(const struct checkup_conf *conf);
void checkup_cancel(struct checkup *c); // on_done is not called
