// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "routing/policy.h"

// How results of checks and faults of requests become the state of a member. Pure: no clock, no sockets. Times are milliseconds
// of one clock, and never 0.

// --- active checks ---

enum verdict { VERDICT_NONE, VERDICT_UP, VERDICT_DOWN };
struct check_record {
    enum verdict verdict;
    unsigned against; // results in a row that speak against the verdict
    bool is_old;      // the verdict is that of another check: the next result decides
};
// Counts one result. True: the verdict has changed. The first result of all decides at once.
bool check_record_count(struct check_record *r, const struct check_conf *conf, bool is_good);
// The time to the next check: `every` and up to a tenth more or less; after the first one from half of it on, so that members which
// were all checked at once part. `dice` is any number.
unsigned check_wait_ms(const struct check_conf *conf, bool is_first, uint32_t dice);

// --- faults and ejections ---

struct fault_record {
    uint64_t at_ms[PASSIVE_FAILS_MAX]; // the latest faults, in a ring; 0: none
    unsigned next;
    unsigned ejections; // how often so far; forgotten step by step
    uint64_t until_ms;  // ejected until then at least; 0: not ejected
    uint64_t
        forgotten_ms; // when the number of ejections was last taken down, or the last one ended
};
// Counts faults of now. True: there were conf->fails of them within the time, so it is to be ejected.
bool fault_record_count(struct fault_record *r, const struct passive_conf *conf, uint32_t faults,
                        uint64_t now_ms);
// How many of those within the time there are.
unsigned fault_record_recent(const struct fault_record *r, const struct passive_conf *conf,
                             uint64_t now_ms);
// Ejects it: for `ejects`, the n-th time n times as long, up to 10 times. For each such time without an ejection, one is forgotten.
void fault_record_eject(struct fault_record *r, const struct passive_conf *conf, uint64_t now_ms);
void fault_record_readmit(struct fault_record *r, uint64_t now_ms);
// May one more member be ejected of a pool with so many that take requests, of which so many are out (ejected or down)? At most half
// of a pool is; one alone never.
bool may_eject(size_t members, size_t out);

// --- slow start ---

enum { COLD_MOST = 90 };
// The percent that a member lacks of its weight, this long after it came: 90, and in ten steps less, to 0.
uint8_t cold_after(uint64_t warm_ms, unsigned slow_start_ms);
// How long until the next step; 0: there is none.
uint64_t cold_wait_ms(uint64_t warm_ms, unsigned slow_start_ms);
