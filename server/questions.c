// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "server/questions.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "http/running.h"
#include "server/api.h"

enum { QUESTIONS_MAX = 16, ANSWER_MS = 2000, LIST_MAX_BYTES = 4 << 20 };

struct question {
    unsigned number;           // 0: this place is free
    struct local_reply *reply; // NULL: went away
    enum order_type what;
    unsigned asked, answered, killed;
    struct text list;
    struct timer late;
};

struct questions {
    ask_fn *ask;
    void *arg;
    unsigned last_number;
    struct question at[QUESTIONS_MAX];
};

static void begin(struct questions *q, enum order_type what, struct order order, struct slice text,
                  struct local_reply *r, void (**cancel)(void *reply_arg), void **cancel_arg);
static void forget(void *question);
static void add_list(struct question *one, int fd);
static void end(void *question);
static void give_list(struct question *one);
static void give_killed(struct question *one);
static void send_list(struct service *s, struct channel *up, struct order order);

struct questions *questions_new(ask_fn *ask, void *arg) {
    struct questions *q = calloc(1, sizeof *q);
    CHECK(q);
    // A control that was replaced has asked with other numbers: their answers are not for us.
    *q = (struct questions){.ask = ask, .arg = arg, .last_number = (unsigned)getpid() << 12};
    for (struct question *one = q->at; one < q->at + QUESTIONS_MAX; one++)
        text_init(&one->list, LOCAL_ANSWER_MAX - 4096);
    return q;
}

void questions_start(struct questions *q, struct loop *loop) {
    for (struct question *one = q->at; one < q->at + QUESTIONS_MAX; one++)
        timer_init(&one->late, loop, end, one);
}

void questions_stop(struct questions *q) {
    for (struct question *one = q->at; one < q->at + QUESTIONS_MAX; one++) timer_fini(&one->late);
}

void questions_free(struct questions *q) {
    for (struct question *one = q->at; one < q->at + QUESTIONS_MAX; one++) text_fini(&one->list);
    free(q);
}

void questions_list(struct questions *q, unsigned older_ms, struct local_reply *r,
                    void (**cancel)(void *reply_arg), void **cancel_arg) {
    begin(q, ORDER_LIST, (struct order){.value = older_ms}, (struct slice){0}, r, cancel,
          cancel_arg);
}

void questions_kill(struct questions *q, struct slice request_id, struct local_reply *r,
                    void (**cancel)(void *reply_arg), void **cancel_arg) {
    begin(q, ORDER_KILL, (struct order){0}, request_id, r, cancel, cancel_arg);
}

static void begin(struct questions *q, enum order_type what, struct order order, struct slice text,
                  struct local_reply *r, void (**cancel)(void *reply_arg), void **cancel_arg) {
    struct question *one = q->at;
    while (one < q->at + QUESTIONS_MAX && one->number) one++;
    if (one == q->at + QUESTIONS_MAX) {
        api_refuse_plainly(r, 503, "too many ask the workers already");
        return;
    }
    if (++q->last_number == 0) q->last_number = 1;
    order.number = q->last_number;
    if (!q->ask(q->arg, what, order, text)) {
        api_refuse_plainly(r, 503, "the supervisor cannot be asked");
        return;
    }
    one->number = q->last_number;
    one->reply = r;
    one->what = what;
    one->asked = one->answered = one->killed = 0;
    text_clear(&one->list);
    timer_set(&one->late, ANSWER_MS);
    *cancel = forget;
    *cancel_arg = one;
}

static void forget(void *question) {
    ((struct question *)question)->reply = NULL;
}

void questions_on_order(struct questions *q, enum order_type type, struct order order,
                        const int *fds, size_t fd_count) {
    struct question *one = q->at;
    while (one < q->at + QUESTIONS_MAX && one->number != order.number) one++;
    if (one == q->at + QUESTIONS_MAX) return; // came too late
    if (type == ORDER_ASKED) {
        one->asked = order.value;
    } else {
        one->answered++;
        if (type == ORDER_KILLED) one->killed += order.value;
        if (type == ORDER_LISTED && fd_count > 0) add_list(one, fds[0]);
        if (type == ORDER_LISTED && order.value) one->list.is_cut = true;
    }
    if (one->answered >= one->asked) end(one);
}

static void add_list(struct question *one, int fd) {
    struct stat s;
    if (fstat(fd, &s) != 0 || s.st_size <= 0 || s.st_size > LIST_MAX_BYTES) return;
    char *bytes = malloc((size_t)s.st_size);
    CHECK(bytes);
    ssize_t n = pread(fd, bytes, (size_t)s.st_size, 0);
    if (n > 0 && one->list.len > 0) text_add(&one->list, SLICE(",\n"));
    if (n > 0) text_add(&one->list, (struct slice){bytes, (size_t)n});
    free(bytes);
}

static void end(void *question) {
    struct question *one = question;
    timer_clear(&one->late);
    one->number = 0;
    if (!one->reply) return;
    if (one->what == ORDER_LIST)
        give_list(one);
    else
        give_killed(one);
}

static void give_list(struct question *one) {
    struct text page;
    text_init(&page, LOCAL_ANSWER_MAX);
    text_printf(&page, "{\"workers\": %u, \"answered\": %u, \"requests\": [\n", one->asked,
                one->answered);
    text_add(&page, text_slice(&one->list));
    text_add(&page, SLICE("]}\n"));
    if (one->list.is_cut)
        api_refuse_plainly(one->reply, 507, "there are too many; ask for older ones");
    else
        local_answer(one->reply, 200, "application/json", text_slice(&page));
    text_fini(&page);
}

static void give_killed(struct question *one) {
    char page[64];
    int len = snprintf(page, sizeof page, "{\"killed\": %u}\n", one->killed);
    if (one->killed == 0)
        api_refuse_plainly(one->reply, 404, "no request of this id is running");
    else
        local_answer(one->reply, 200, "application/json", (struct slice){page, (size_t)len});
}

// --- the worker ---

void questions_answer(struct service *s, struct channel *up, enum order_type type,
                      struct order order, struct slice text) {
    if (type == ORDER_LIST) {
        send_list(s, up, order);
    } else if (type == ORDER_KILL) {
        order.value = service_kill(s, text);
        order_send(up, ORDER_KILLED, order, (struct slice){0}, NULL, 0);
    }
}

static void send_list(struct service *s, struct channel *up, struct order order) {
    struct text list;
    text_init(&list, LIST_MAX_BYTES);
    service_list_running(s, order.value, &list);
    int fd = list.is_cut ? -1 : memfd_create("rsp-requests", MFD_CLOEXEC);
    order.value = list.is_cut;
    bool is_good = fd >= 0 && write(fd, text_string(&list), list.len) == (ssize_t)list.len;
    order_send(up, ORDER_LISTED, order, (struct slice){0}, &fd, is_good ? 1 : 0);
    if (fd >= 0) close(fd);
    text_fini(&list);
}
