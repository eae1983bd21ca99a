// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/health_rules.h"

#include <string.h>

enum { COLD_STEPS = 10 };

static void forget_ejections(struct fault_record *r, const struct passive_conf *conf,
                             uint64_t now_ms);

bool check_record_count(struct check_record *r, const struct check_conf *conf, bool is_good) {
    enum verdict says = is_good ? VERDICT_UP : VERDICT_DOWN;
    bool decides = r->verdict == VERDICT_NONE || r->is_old;
    unsigned needed = is_good ? conf->rise : conf->fall;
    r->is_old = false;
    if (says == r->verdict) {
        r->against = 0;
        return false;
    }
    if (!decides && ++r->against < needed) return false;
    *r = (struct check_record){.verdict = says};
    return true;
}

unsigned check_wait_ms(const struct check_conf *conf, bool is_first, uint32_t dice) {
    uint64_t least = (uint64_t)conf->every_ms * (is_first ? 50 : 90) / 100;
    uint64_t most = (uint64_t)conf->every_ms * (is_first ? 100 : 110) / 100;
    return (unsigned)(least + dice % (most - least + 1));
}

// --- faults and ejections ---

bool fault_record_count(struct fault_record *r, const struct passive_conf *conf, uint32_t faults,
                        uint64_t now_ms) {
    if (faults > PASSIVE_FAILS_MAX) faults = PASSIVE_FAILS_MAX;
    for (; faults > 0; faults--) {
        r->at_ms[r->next] = now_ms;
        r->next = (r->next + 1) % PASSIVE_FAILS_MAX;
    }
    return fault_record_recent(r, conf, now_ms) >= conf->fails;
}

unsigned fault_record_recent(const struct fault_record *r, const struct passive_conf *conf,
                             uint64_t now_ms) {
    unsigned count = 0;
    for (unsigned i = 0; i < PASSIVE_FAILS_MAX; i++)
        count += r->at_ms[i] && r->at_ms[i] + conf->within_ms > now_ms;
    return count;
}

void fault_record_eject(struct fault_record *r, const struct passive_conf *conf, uint64_t now_ms) {
    forget_ejections(r, conf, now_ms);
    if (r->ejections < EJECTS_TIMES_MAX) r->ejections++;
    r->until_ms = now_ms + (uint64_t)conf->ejects_ms * r->ejections;
}

void fault_record_readmit(struct fault_record *r, uint64_t now_ms) {
    r->until_ms = 0;
    r->forgotten_ms = now_ms;
    memset(r->at_ms, 0, sizeof r->at_ms);
}

static void forget_ejections(struct fault_record *r, const struct passive_conf *conf,
                             uint64_t now_ms) {
    uint64_t quiet_ms = now_ms - r->forgotten_ms;
    uint64_t times = quiet_ms / (conf->ejects_ms ? conf->ejects_ms : 1);
    if (times == 0) return;
    r->ejections -= times < r->ejections ? (unsigned)times : r->ejections;
    r->forgotten_ms = now_ms;
}

bool may_eject(size_t members, size_t out) {
    return out + 1 <= members / 2;
}

// --- slow start ---

uint8_t cold_after(uint64_t warm_ms, unsigned slow_start_ms) {
    if (warm_ms >= slow_start_ms) return 0;
    unsigned step = (unsigned)(warm_ms * COLD_STEPS / slow_start_ms); // 0..9
    return (uint8_t)(COLD_MOST - step * COLD_MOST / COLD_STEPS);
}

uint64_t cold_wait_ms(uint64_t warm_ms, unsigned slow_start_ms) {
    if (warm_ms >= slow_start_ms) return 0;
    uint64_t step = warm_ms * COLD_STEPS / slow_start_ms + 1;
    uint64_t at = (step * slow_start_ms + COLD_STEPS - 1) / COLD_STEPS;
    return at > warm_ms ? at - warm_ms : 1;
}
