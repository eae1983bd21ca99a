// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// Whole exchanges on the stage. The input is what client and backend send, and when they end: bytes from 0xf0 are the stage
// directions below, all others are sent by whom the last direction named. Whatever they send: every exchange ends, and a client never
// takes more answers for whole than backends have completed.
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "http/message/parser.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/scene.h"

enum direction {
    CLIENT_SPEAKS = 0xf0,
    BACKEND_SPEAKS,
    CLIENT_ENDS, // its sending side
    CLIENT_CLOSES,
    CLIENT_RESETS,
    CLIENT_STOPS_READING,
    CLIENT_READS,
    BACKEND_ENDS,
    BACKEND_CLOSES,
    BACKEND_RESETS,
    TIME_PASSES,
};

enum { INPUT_MAX = 4096, BACKENDS_MAX = 40, PASSES_MAX = 60, PASS_MS = 10000, CLIENTS_MAX = 4 };

// What each backend connection of this input has sent.
struct sent {
    struct text bytes;
    bool has_ended;
};

static struct scene scene;
static struct sent sent[BACKENDS_MAX];
static struct parser *parser;
static struct arena *arena;
static unsigned clients, answers_received;

static void set_up(void) {
    if (parser) return;
    log_set_level(LOG_LEVEL_ERROR);
    parser = parser_new();
    arena = arena_new(65536, 64 << 20);
    scene_init(&scene,
               "listen { http = '127.0.0.1:1' }\n"
               "site 'own' { respond = { 200, 'own' } }\n"
               "site '*' { limits = { body = '1k' }, to = pool 'p' { '127.0.0.1:$PORT' } }\n",
               &(struct scene_script){.is_silent = true});
    scene.turn_ms = 0;
    scene.has_tcp = true;
    for (int i = 0; i < BACKENDS_MAX; i++) text_init(&sent[i].bytes, 1 << 20);
}

// Reads the body of an answer whose head was read. True: it is whole.
static bool read_body(struct slice *rest, bool has_ended) {
    for (;;) {
        struct fed fed;
        enum parse_event event = parser_feed(parser, *rest, &fed);
        *rest = slice_skip(*rest, fed.skip + fed.body);
        if (event == PARSE_END) return true;
        if (event == PARSE_REFUSED) return false;
        if (rest->len == 0 && parser_body_left(parser) != 0)
            return has_ended && parser_feed_end(parser) == PARSE_END;
    }
}

// Whole final answers in what one side of a connection has sent. 101 begins a tunnel: what follows is no answer.
static unsigned count_answers(struct slice rest, bool has_ended, bool only_passed_on) {
    unsigned count = 0;
    while (rest.len > 0) {
        struct response_head head;
        struct fed fed;
        parser_begin_response(parser, &head, METHOD_GET, arena, &RESPONSE_LIMITS);
        enum parse_event event = parser_feed(parser, rest, &fed);
        rest = slice_skip(rest, fed.skip);
        if (event != PARSE_HEAD || head.status == 101) break;
        if (!read_body(&rest, has_ended)) break;
        if (head.status < 200) continue;
        count += !only_passed_on || fields_find(&head.fields, FIELD_VIA) != NULL;
    }
    arena_reset(arena);
    return count;
}

static void leave_client(bool resets) {
    if (scene.client.fd < 0) return;
    answers_received +=
        count_answers(text_slice(&scene.got), scene.client_ended && !scene.was_reset, true);
    if (resets)
        wire_reset(&scene.client);
    else
        wire_close(&scene.client);
    scene_turns(&scene, 2);
}

static struct scene_backend *newest_backend(void) {
    struct scene_backend *newest = NULL;
    for (int i = 0; i < SCENE_BACKENDS; i++) {
        struct scene_backend *b = &scene.backends[i];
        if (b->wire.fd >= 0 && (!newest || b->number > newest->number)) newest = b;
    }
    return newest && newest->number < BACKENDS_MAX ? newest : NULL;
}

static void end_backend(enum direction how) {
    struct scene_backend *b = newest_backend();
    if (!b) return;
    if (how != BACKEND_RESETS) sent[b->number].has_ended = true;
    if (how == BACKEND_ENDS) {
        wire_end(&b->wire);
        return;
    }
    scene.script.resets = how == BACKEND_RESETS;
    scene_close_backend(&scene, (unsigned)(b - scene.backends));
    scene.script.resets = false;
}

static void follow(enum direction direction) {
    switch (direction) {
    case CLIENT_SPEAKS:
    case BACKEND_SPEAKS: break;
    case CLIENT_ENDS:
        if (scene.client.fd >= 0) wire_end(&scene.client);
        break;
    case CLIENT_CLOSES: leave_client(false); break;
    case CLIENT_RESETS: leave_client(true); break;
    case CLIENT_STOPS_READING: scene.takes = 0; break;
    case CLIENT_READS: scene.takes = SIZE_MAX; break;
    case BACKEND_ENDS:
    case BACKEND_CLOSES:
    case BACKEND_RESETS: end_backend(direction); break;
    case TIME_PASSES: scene_pass(&scene, PASS_MS); break;
    }
    if (scene.client.fd < 0 && clients++ < CLIENTS_MAX) scene_connect(&scene);
    scene_turns(&scene, 2);
}

static void speak(bool is_backend, struct slice bytes) {
    if (bytes.len == 0) return;
    if (is_backend) {
        struct scene_backend *b = newest_backend();
        if (!b || wire_write(&b->wire, bytes) != (ssize_t)bytes.len) return;
        text_add(&sent[b->number].bytes, bytes);
    } else if (scene.client.fd >= 0) {
        (void)wire_write(&scene.client, bytes);
    }
    scene_turns(&scene, 3);
}

static void play(struct slice input) {
    bool is_backend = false;
    size_t begin = 0;
    for (size_t i = 0; i < input.len; i++) {
        unsigned char c = (unsigned char)input.at[i];
        if (c < CLIENT_SPEAKS || c > TIME_PASSES) continue;
        speak(is_backend, (struct slice){input.at + begin, i - begin});
        if (c <= BACKEND_SPEAKS) is_backend = c == BACKEND_SPEAKS;
        follow(c);
        begin = i + 1;
    }
    speak(is_backend, slice_skip(input, begin));
}

static void begin(void) {
    scene.accepted = 0;
    scene.takes = SIZE_MAX;
    clients = answers_received = 0;
    for (int i = 0; i < BACKENDS_MAX; i++) {
        text_clear(&sent[i].bytes);
        sent[i].has_ended = false;
    }
    CHECK(ftruncate(scene.log_fd, 0) == 0 && lseek(scene.log_fd, 0, SEEK_SET) == 0);
    scene_connect(&scene);
}

static void end_all(void) {
    scene.takes = SIZE_MAX;
    scene_turns(&scene, 3);
    leave_client(true); // an orderly end would leave its port in use for a minute
    int passes = 0;
    while (service_exchange_count(scene.service) > 0 || service_client_count(scene.service) > 0) {
        CHECK(passes++ < PASSES_MAX);
        scene_pass(&scene, PASS_MS);
    }
    for (unsigned i = 0; i < SCENE_BACKENDS; i++) scene_close_backend(&scene, i);
    scene_turns(&scene, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct slice input = {(const char *)bytes, len};
    if (len > INPUT_MAX) return 0;
    set_up();
    begin();
    play(input);
    end_all();
    unsigned answers_sent = 0;
    for (unsigned i = 0; i < BACKENDS_MAX; i++)
        answers_sent += count_answers(text_slice(&sent[i].bytes), sent[i].has_ended, false);
    bool has_head = len > 0 && memmem(bytes, len, "HEAD", 4); // whose answers end elsewhere
    CHECK(has_head || scene.accepted >= BACKENDS_MAX || answers_received <= answers_sent);
    return 0;
}
