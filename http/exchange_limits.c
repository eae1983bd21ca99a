// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.h"
#include "http/exchange_parts.h"

static void upload_limits(const struct exchange *x, struct limit *l);
static void download_limits(const struct exchange *x, struct limit *l);
static uint64_t sink_limit(const struct pump *p, unsigned limit_ms);
static uint64_t later(uint64_t a_ms, uint64_t b_ms);
static void sooner(struct limit *l, uint64_t at_ms, enum fail fail);

void pump_limits(const struct exchange *x, struct limit *l) {
    if (x->step != STEP_tunnel) {
        upload_limits(x, l);
        download_limits(x, l);
        return;
    }
    sooner(l, later(x->upload.moved_ms, x->download.moved_ms) + x->answer.policy->tunnel_idle_ms,
           FAIL_TUNNEL_IDLE);
}

// Whoever keeps the body waiting is to blame: the client that does not send, or the backend that does not read. Once the answer has
// begun it is the answer that counts: nobody has to go on sending, or reading, a body that was answered already.
static void upload_limits(const struct exchange *x, struct limit *l) {
    const struct pump *p = &x->upload;
    const struct policy *policy = x->answer.policy;
    if (p->state != PUMP_RUNNING || x->status_sent) return;
    if (pump_waits_for_sink(p)) {
        sooner(l, sink_limit(p, policy->between_bytes_ms), FAIL_BACKEND_TIMEOUT);
        return;
    }
    sooner(l, p->moved_ms + policy->body_idle_ms, FAIL_BODY_TIMEOUT);
    if (policy->slowest_rate == 0) return;
    // when, without another byte, the average will have fallen below the slowest rate
    uint64_t worth_ms = p->bytes * 1000 / policy->slowest_rate;
    if (worth_ms < policy->slowest_after_ms) worth_ms = policy->slowest_after_ms;
    sooner(l, p->began_ms + p->held_ms + worth_ms, FAIL_BODY_SLOW);
}

static void download_limits(const struct exchange *x, struct limit *l) {
    const struct pump *p = &x->download;
    const struct policy *policy = x->answer.policy;
    if (p->state != PUMP_RUNNING) return;
    if (pump_waits_for_sink(p))
        sooner(l, sink_limit(p, policy->body_idle_ms), FAIL_CLIENT_STALLED);
    else
        sooner(l, later(p->moved_ms, x->upload.moved_ms) + policy->between_bytes_ms,
               FAIL_ANSWER_STALLED);
}

// When a sink that takes nothing more will be too late.
static uint64_t sink_limit(const struct pump *p, unsigned limit_ms) {
    struct stream *sink = p->job.sink;
    uint64_t at_ms = later(p->moved_ms, stream_last_output_ms(sink)) + limit_ms;
    return at_ms <= clock_ms() && stream_peer_takes(sink) ? clock_ms() + limit_ms : at_ms;
}

static uint64_t later(uint64_t a_ms, uint64_t b_ms) {
    return a_ms > b_ms ? a_ms : b_ms;
}

static void sooner(struct limit *l, uint64_t at_ms, enum fail fail) {
    if (at_ms < l->at_ms) *l = (struct limit){at_ms, fail};
}
