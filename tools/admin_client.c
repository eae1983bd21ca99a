// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tools/admin_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/address.h"
#include "http/message/parser.h"
#include "http/message/writer.h"

enum { ARENA_FIRST = 16 << 10, ARENA_MAX = 1 << 20, INPUT_BYTES = 64 << 10 };

static int open_socket(const char *path, struct text *why);
static bool send_request(int fd, const struct admin_question *q, struct arena *a);
static bool send_all(int fd, const char *at, size_t len);
static int read_answer(int fd, const struct admin_question *q, struct arena *a, struct text *body);
static bool feed(struct parser *p, struct slice in, struct text *body);

int admin_ask(const struct admin_question *q, struct text *body) {
    int fd = open_socket(q->socket, body);
    if (fd < 0) return 0;
    struct arena *a = arena_new(ARENA_FIRST, ARENA_MAX);
    int status = 0;
    // what was refused before it was whole has an answer all the same
    if (send_request(fd, q, a) || errno == EPIPE)
        status = read_answer(fd, q, a, body);
    else
        text_printf(body, "%s: %s", q->socket, strerror(errno));
    arena_free(a);
    close(fd);
    return status;
}

static int open_socket(const char *path, struct text *why) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path) {
        text_printf(why, "%s: the path is too long", path);
        return -1;
    }
    strcpy(to.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    text_printf(why, "%s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
}

static bool send_request(int fd, const struct admin_question *q, struct arena *a) {
    struct slice query = slice_of(q->path), path = slice_cut(&query, '?');
    struct request_head head = {.method_text = slice_of(q->method),
                                .path = path,
                                .query = query,
                                .has_query = query.at != NULL,
                                .minor_version = 1};
    fields_add(&head.fields, a, FIELD_HOST, SLICE("Host"), SLICE("rsp"));
    fields_add(&head.fields, a, FIELD_CONTENT_LENGTH, SLICE("Content-Length"),
               arena_printf(a, "%zu", q->content.len));
    if (q->match) fields_add(&head.fields, a, FIELD_OTHER, SLICE("If-Match"), slice_of(q->match));
    fields_add(&head.fields, a, FIELD_CONNECTION, SLICE("Connection"), SLICE("close"));
    char *bytes = arena_alloc(a, request_head_size(&head));
    size_t len = (size_t)(request_head_write(bytes, &head) - bytes);
    return send_all(fd, bytes, len) && send_all(fd, q->content.at, q->content.len);
}

static bool send_all(int fd, const char *at, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

// Waits as long as it takes: a reload may.
static int read_answer(int fd, const struct admin_question *q, struct arena *a, struct text *body) {
    enum method method = method_of(slice_of(q->method));
    struct response_head head = {0};
    struct parser *p = parser_new();
    parser_begin_response(p, &head, method, a, &RESPONSE_LIMITS);
    char *input = arena_alloc(a, INPUT_BYTES);
    bool is_over = false;
    while (!is_over) {
        ssize_t n = recv(fd, input, INPUT_BYTES, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        is_over = feed(p, (struct slice){input, (size_t)n}, body);
    }
    bool is_whole = is_over && parser_refusal(p) == REFUSE_NONE;
    parser_free(p);
    if (is_whole) return head.status;
    text_clear(body);
    text_add(body, SLICE("the connection ended before the answer was complete"));
    if (method != METHOD_GET) text_add(body, SLICE("; what was asked may have been done"));
    return 0;
}

// True when the message is over, well or not.
static bool feed(struct parser *p, struct slice in, struct text *body) {
    for (;;) {
        struct fed fed;
        enum parse_event event = parser_feed(p, in, &fed);
        if (event == PARSE_BODY) text_add(body, (struct slice){in.at + fed.skip, fed.body});
        if (event == PARSE_END || event == PARSE_REFUSED) return true;
        if (event == PARSE_MORE) return false;
        in = slice_skip(in, fed.skip + fed.body);
    }
}
