// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/scene.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/resolver.h"
#include "core/timers.h"
#include "http/access_log.h"

static uint64_t passed_us; // by scene_pass()
int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

static void open_stage(struct scene *s, local_fn *local, void *local_arg);
static struct generation *generation_of(struct scene *s, const char *route_text);
static void replace(struct text *out, struct slice text, const char *word, const char *with);
static bool is_late(uint64_t until_us);
static uint64_t in_ms(unsigned ms);
static void read_client(struct scene *s);

void scene_init(struct scene *s, const char *route_text, const struct scene_script *script) {
    *s = (struct scene){.script = *script};
    open_stage(s, NULL, NULL);
    scene_switch(s, route_text);
}

void scene_init_local(struct scene *s, local_fn *local, void *local_arg) {
    *s = (struct scene){.script = {.is_silent = true}};
    open_stage(s, local, local_arg);
    scene_switch(s, "listen { http = '127.0.0.1:1', timeout = { head = '80ms' } }\n"
                    "site '*' { to = '127.0.0.1:$PORT' }\n");
}

static void open_stage(struct scene *s, local_fn *local, void *local_arg) {
    signal(SIGPIPE, SIG_IGN); // OpenSSL's own writes
    s->client.fd = -1;
    s->turn_ms = 2;
    s->takes = SIZE_MAX;
    s->loop = loop_new();
    scene_listen(s);
    s->log_fd = memfd_create("access", MFD_CLOEXEC);
    s->log = access_log_new(s->loop, s->log_fd);
    text_init(&s->got, 64 << 20);
    s->resolver = resolver_new(s->loop);
    s->service = service_new(&(struct service_conf){
        .loop = s->loop,
        .resolver = s->resolver,
        .counters = &s->counters,
        .access_log = s->log,
        .local = local,
        .local_arg = local_arg,
    });
}

void scene_fini(struct scene *s) {
    scene_close_client(s);
    service_free(s->service);
    for (unsigned i = 0; i < SCENE_BACKENDS; i++) scene_close_backend(s, i);
    access_log_free(s->log);
    resolver_free(s->resolver);
    loop_free(s->loop);
    text_fini(&s->got);
    close(s->listener);
    close(s->log_fd);
}

void scene_switch(struct scene *s, const char *route_text) {
    struct generation *g = generation_of(s, route_text);
    service_switch(s->service, g);
    generation_unref(g);
}

void scene_connect(struct scene *s) {
    int pair[2];
    scene_close_client(s);
    if (s->has_tcp)
        scene_tcp_pair(pair);
    else
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    const struct listen_conf *listen = &service_generation(s->service)->config->listens[0];
    wire_open(&s->client, pair[0], listen->is_tls ? WIRE_TLS_CLIENT : WIRE_PLAIN);
    s->client_ended = s->was_reset = false;
    text_clear(&s->got);
    struct address from;
    CHECK(address_parse(SLICE("192.0.2.7:4711"), &from));
    service_accept(s->service, listen, pair[1], &from);
    for (int i = 0; i < 1000 && !wire_is_ready(&s->client); i++) scene_turn(s);
}

void scene_send(struct scene *s, struct slice bytes) {
    while (bytes.len > 0) {
        ssize_t n = wire_write(&s->client, bytes);
        if (n < 0) return; // the service closed: the test looks at the rest
        bytes = slice_skip(bytes, (size_t)n);
        if (bytes.len > 0) scene_turn(s);
    }
}

void scene_end_client(struct scene *s) {
    wire_end(&s->client);
}

void scene_close_client(struct scene *s) {
    wire_close(&s->client);
}

void scene_run(struct scene *s, size_t bytes, unsigned max_ms) {
    uint64_t until_us = in_ms(max_ms);
    while (s->got.len < bytes && !s->client_ended && !is_late(until_us)) scene_turn(s);
}

bool scene_await(struct scene *s, const char *text, unsigned max_ms) {
    uint64_t until_us = in_ms(max_ms);
    while (!scene_got(s, text) && !s->client_ended && !is_late(until_us)) scene_turn(s);
    return scene_got(s, text);
}

bool scene_await_lines(struct scene *s, unsigned lines, unsigned max_ms) {
    uint64_t until_us = in_ms(max_ms);
    while (scene_log_lines(s) < lines && !is_late(until_us)) scene_turn(s);
    return scene_log_lines(s) >= lines;
}

void scene_turn(struct scene *s) {
    loop_turn(s->loop, s->turn_ms);
    scene_serve(s);
    read_client(s);
}

void scene_turns(struct scene *s, unsigned count) {
    while (count-- > 0) scene_turn(s);
}

void scene_pass(struct scene *s, unsigned ms) {
    passed_us += ms * 1000ull;
    clock_update();
    timers_fire(loop_timers(s->loop), clock_ms());
    scene_turns(s, 3);
}

// The tests' programs are linked so that all of rsp asks here for the time.
int __wrap_clock_gettime(clockid_t id, struct timespec *t) {
    int result = __real_clock_gettime(id, t);
    uint64_t ns = (uint64_t)t->tv_nsec + passed_us * 1000;
    t->tv_sec += (time_t)(ns / 1000000000);
    t->tv_nsec = (long)(ns % 1000000000);
    return result;
}

bool scene_settle(struct scene *s, unsigned max_ms) {
    uint64_t until_us = in_ms(max_ms);
    while (service_exchange_count(s->service) || service_client_count(s->service)) {
        if (is_late(until_us)) return false;
        scene_turn(s);
    }
    scene_turn(s);
    return true;
}

bool scene_got(const struct scene *s, const char *text) {
    return s->got.len > 0 && memmem(s->got.at, s->got.len, text, strlen(text)) != NULL;
}

struct slice scene_log(struct scene *s) {
    static char lines[4 << 20];
    ssize_t n = pread(s->log_fd, lines, sizeof(lines), 0);
    return (struct slice){lines, n > 0 ? (size_t)n : 0};
}

bool scene_log_has(struct scene *s, const char *text) {
    struct slice log = scene_log(s);
    return log.len > 0 && memmem(log.at, log.len, text, strlen(text)) != NULL;
}

unsigned scene_log_lines(struct scene *s) {
    struct slice log = scene_log(s);
    unsigned lines = 0;
    for (size_t i = 0; i < log.len; i++) lines += log.at[i] == '\n';
    return lines;
}

unsigned scene_open_descriptors(void) {
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir);
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static struct generation *generation_of(struct scene *s, const char *route_text) {
    static unsigned number;
    const char *words[] = {"$PORT", "$DEAD", "$CERT"};
    struct text with[2], errors, problems;
    char port[8], dead[8];
    snprintf(port, sizeof(port), "%d", s->port);
    snprintf(dead, sizeof(dead), "%d", s->dead_port);
    const char *values[] = {port, dead, "/scene.pem"};
    text_init(&with[0], 1 << 16);
    text_init(&with[1], 1 << 16);
    text_init(&errors, 1 << 16);
    text_init(&problems, 1 << 16);
    text_add(&with[0], slice_of(route_text));
    for (int i = 0; i < 3; i++) {
        text_clear(&with[(i + 1) % 2]);
        replace(&with[(i + 1) % 2], text_slice(&with[i % 2]), words[i], values[i]);
    }
    struct files *files = files_new();
    files_replace(files, "/scene.lua", text_slice(&with[1]));
    files_replace(files, "/scene.pem", slice_of(wire_certificate()));
    struct generation *g =
        generation_build(files, "/scene.lua", ++number, NULL, NULL, &errors, &problems);
    if (!g) fprintf(stderr, "%s\n", text_string(&errors));
    CHECK(g);
    text_fini(&with[0]);
    text_fini(&with[1]);
    text_fini(&errors);
    text_fini(&problems);
    return g;
}

static void replace(struct text *out, struct slice text, const char *word, const char *with) {
    const char *found;
    while (text.len > 0 && (found = memmem(text.at, text.len, word, strlen(word)))) {
        text_add(out, slice_from(text.at, found));
        text_add(out, slice_of(with));
        text = slice_from(found + strlen(word), text.at + text.len);
    }
    text_add(out, text);
}

static uint64_t in_ms(unsigned ms) {
    return clock_read_us() + ms * 1000ull;
}

static bool is_late(uint64_t until_us) {
    return clock_read_us() >= until_us;
}

static void read_client(struct scene *s) {
    static char room[1 << 16];
    size_t left = s->takes;
    ssize_t n = 1;
    if (s->client.fd < 0 || s->client_ended) return;
    while (n > 0 && left > 0) {
        n = wire_read(&s->client, room, left < sizeof(room) ? left : sizeof(room));
        if (n <= 0) break;
        text_add(&s->got, (struct slice){room, (size_t)n});
        left -= (size_t)n;
    }
    if (n < 0) {
        s->client_ended = true;
        s->was_reset = errno == ECONNRESET;
    }
}
