// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "tools/admin_client.h"
#include "tools/rspctl.h"

static json_t *read_answer(int status, struct text *body, int *exit_status);
static void say_refusal(const json_t *answer);

json_t *ctl_ask(const struct call *c, const char *method, const char *path, json_t *content,
                int *exit_status) {
    struct text body;
    char *sent = content ? json_dumps(content, JSON_COMPACT) : NULL;
    json_decref(content);
    text_init(&body, CTL_BODY_MAX);
    struct admin_question q = {.socket = c->socket,
                               .method = method,
                               .path = path,
                               .content = slice_of(sent),
                               .match = c->match};
    int status = admin_ask(&q, &body);
    json_t *answer = read_answer(status, &body, exit_status);
    free(sent);
    text_fini(&body);
    return answer;
}

static json_t *read_answer(int status, struct text *body, int *exit_status) {
    json_error_t error;
    *exit_status = CTL_UNREACHABLE;
    if (status == 0) {
        fprintf(stderr, "rspctl: rsp cannot be reached: %s\n", text_string(body));
        return NULL;
    }
    *exit_status = status < 300 ? CTL_GOOD : CTL_FAILED;
    json_t *answer = json_loadb(text_string(body), body->len, 0, &error);
    if (answer && status < 300) return answer;
    *exit_status = CTL_FAILED;
    if (answer)
        say_refusal(answer);
    else
        fprintf(stderr, "rspctl: an answer that is no JSON: %s\n", text_string(body));
    json_decref(answer);
    return NULL;
}

static void say_refusal(const json_t *answer) {
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *pointer = json_string_value(json_object_get(answer, "pointer"));
    fprintf(stderr, "rspctl: %s%s%s%s\n", error ? error : "refused",
            pointer && pointer[0] ? " (" : "", pointer ? pointer : "",
            pointer && pointer[0] ? ")" : "");
}

char *ctl_path(const char *pool, const char *rest) {
    struct text path;
    text_init(&path, 64 << 10);
    text_add(&path, SLICE("/v1/pools"));
    ctl_add_segment(&path, pool);
    text_add(&path, slice_of(rest));
    char *copy = strdup(text_string(&path));
    CHECK(copy);
    text_fini(&path);
    return copy;
}

void ctl_add_segment(struct text *path, const char *segment) {
    text_add_char(path, '/');
    ctl_add_encoded(path, segment);
}

void ctl_add_encoded(struct text *path, const char *text) {
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (isalnum(byte) || strchr("-._~", byte))
            text_add_char(path, (char)byte);
        else
            text_printf(path, "%%%02X", byte);
    }
}

int ctl_show_page(const struct call *c, const char *path, json_t *(*to_json)(const char *text)) {
    struct text body;
    text_init(&body, CTL_BODY_MAX);
    struct admin_question q = {.socket = c->socket, .method = "GET", .path = path};
    int http = admin_ask(&q, &body), status = CTL_GOOD;
    if (http != 200) {
        json_decref(read_answer(http, &body, &status));
        if (status == CTL_GOOD) status = CTL_FAILED;
    } else if (to_json) {
        json_t *value = to_json(text_string(&body));
        ctl_print_json(value);
        json_decref(value);
    } else {
        fputs(text_string(&body), stdout);
    }
    text_fini(&body);
    return status;
}

const char *ctl_text(const json_t *value) {
    return json_is_string(value) ? json_string_value(value) : "";
}

const char *ctl_text_of(const json_t *object, const char *key) {
    return ctl_text(json_object_get(object, key));
}

void ctl_print_json(const json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(1));
    putchar('\n');
}
