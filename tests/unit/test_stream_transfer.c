// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/stream.h"
#include "tests/unit/turns.h"

static struct loop *loop;

static int set_up(void **state) {
    (void)state;
    loop = loop_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    loop_free(loop);
    return 0;
}

#define SEED 14695981039346656037u

static uint64_t hash_more(uint64_t hash, struct slice s) { // FNV-1a
    for (size_t i = 0; i < s.len; i++) hash = (hash ^ (unsigned char)s.at[i]) * 1099511628211u;
    return hash;
}

struct transfer {
    struct stream *from, *to;
    size_t left; // to be written
    uint64_t sent_hash, got_hash;
    size_t got_bytes;
    size_t most_backlog, most_input;
    size_t bite; // the reader takes at most this at a time
    uint32_t noise;
};

static void write_more(void *arg) {
    struct transfer *t = arg;
    while (t->left > 0 && stream_backlog(t->from) < 200000) {
        char piece[5003];
        size_t n = t->left < sizeof(piece) ? t->left : sizeof(piece);
        for (size_t i = 0; i < n; i++) piece[i] = (char)((t->noise = t->noise * 69069 + 1) >> 24);
        t->sent_hash = hash_more(t->sent_hash, (struct slice){piece, n});
        stream_write(t->from, (struct slice){piece, n});
        t->left -= n;
    }
    if (t->left == 0) stream_shut(t->from);
    if (stream_backlog(t->from) > t->most_backlog) t->most_backlog = stream_backlog(t->from);
}

static void read_more(void *arg) {
    struct transfer *t = arg;
    struct slice run = stream_peek(t->to);
    if (stream_input_len(t->to) > t->most_input) t->most_input = stream_input_len(t->to);
    if (run.len > t->bite) run.len = t->bite;
    t->got_hash = hash_more(t->got_hash, run);
    t->got_bytes += run.len;
    stream_consume(t->to, run.len);
    if (stream_input_len(t->to) > 0) stream_wake_later(t->to);
}

static void transfer(struct stream *from, struct stream *to, size_t bytes, size_t bite) {
    struct transfer t = {.from = from,
                         .to = to,
                         .left = bytes,
                         .sent_hash = SEED,
                         .got_hash = SEED,
                         .bite = bite,
                         .noise = 7};
    stream_set_owner(from, write_more, &t);
    stream_set_owner(to, read_more, &t);
    stream_wake_later(from);
    TURN_UNTIL(stream_end(to) == STREAM_ENDED && stream_input_len(to) == 0);
    assert_int_equal(t.got_bytes, bytes);
    assert_true(t.got_hash == t.sent_hash);
    assert_true(stream_bytes_out(from) == bytes && stream_bytes_in(to) == bytes);
    assert_true(t.most_input < (64 + 4) * 1024);
    assert_true(t.most_backlog < 210000);
    assert_true(stream_is_shut(from));
    stream_set_owner(from, NULL, NULL);
    stream_set_owner(to, NULL, NULL);
}

static void a_large_transfer_arrives_byte_for_byte(void **state) {
    (void)state;
    struct stream *pair[2];
    stream_pair(loop, pair);
    transfer(pair[0], pair[1], 20u << 20, 1u << 20);
    transfer(pair[1], pair[0], 3u << 20, 1u << 20); // the other direction is still open
    stream_free(pair[0]);
    stream_free(pair[1]);
}

static void a_slow_reader_gets_every_byte_and_slows_its_source(void **state) {
    (void)state;
    struct stream *pair[2];
    stream_pair(loop, pair);
    transfer(pair[0], pair[1], 2u << 20, 997);
    stream_free(pair[0]);
    stream_free(pair[1]);
}

static int connected(int family, int *other) {
    struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
    socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (family == AF_INET) {
        ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        ((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
    }
    int listening = socket(family, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&a, len) != 0) skip(); // no IPv6 here
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &len), 0);
    int fd = socket(family, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, len), 0);
    *other = accept(listening, NULL, NULL);
    close(listening);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(*other, F_SETFL, O_NONBLOCK);
    return fd;
}

static void transfer_over(int family) {
    int other;
    struct stream *from = stream_new(loop, connected(family, &other));
    struct stream *to = stream_new(loop, other);
    transfer(from, to, 10u << 20, 1u << 20);
    transfer(to, from, 10u << 20, 30000);
    stream_free(from);
    stream_free(to);
}

static void transfers_work_over_tcp_of_both_versions(void **state) {
    (void)state;
    transfer_over(AF_INET);
    transfer_over(AF_INET6);
}

struct pump {
    struct stream *from, *to;
};

static void pump_all(void *arg) {
    struct pump *p = arg;
    stream_move(p->to, p->from, stream_input_len(p->from));
    if (stream_backlog(p->to) > 100000) {
        stream_hold(p->from, HOLD_SINK_FULL);
    } else {
        stream_release(p->from, HOLD_SINK_FULL);
    }
    if (stream_end(p->from) == STREAM_ENDED) stream_shut(p->to);
}

static void a_pump_between_streams_moves_all_within_bounded_memory(void **state) {
    (void)state;
    struct stream *in[2], *out[2];
    stream_pair(loop, in);
    stream_pair(loop, out);
    struct pump p = {in[1], out[0]};
    stream_set_owner(in[1], pump_all, &p);
    stream_set_owner(out[0], pump_all, &p);
    transfer(in[0], out[1], 8u << 20, 20000);
    for (int i = 0; i < 2; i++) stream_free(in[i]), stream_free(out[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_large_transfer_arrives_byte_for_byte),
        TEST(a_slow_reader_gets_every_byte_and_slows_its_source),
        TEST(transfers_work_over_tcp_of_both_versions),
        TEST(a_pump_between_streams_moves_all_within_bounded_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
