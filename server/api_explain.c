// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "routing/decide.h"
#include "server/api_parts.h"

// POST /v1/explain {"method": "GET", "url": "...", "from": "192.0.2.1"}: what would happen to a request, in words.

enum { WORDS_MAX = 1 << 20 };

static bool read_question(struct api_call *c, const json_t *root, struct slice *method,
                          struct slice *url, struct slice *from);
static void explain(struct api_call *c, struct slice method, struct slice url, struct slice from);

void api_explain(struct api_call *c) {
    struct json_reader r = {0};
    struct slice method = SLICE("GET"), url, from = {0};
    json_t *root = json_read_text(&r, c->request->body);
    if (!root)
        api_refuse_json(c, &r);
    else if (read_question(c, root, &method, &url, &from))
        explain(c, method, url, from);
    json_decref(root);
}

static bool read_question(struct api_call *c, const json_t *root, struct slice *method,
                          struct slice *url, struct slice *from) {
    struct json_reader r = {0};
    bool is_good = json_has_only(&r, root, "method|url|from") &&
                   json_read_string(&r, root, "method", false, method) &&
                   json_read_string(&r, root, "url", true, url) &&
                   json_read_string(&r, root, "from", false, from);
    if (!is_good) api_refuse_json(c, &r);
    return is_good;
}

static void explain(struct api_call *c, struct slice method, struct slice url, struct slice from) {
    const struct config *config = c->conf->generation(c->conf->arg)->config;
    struct address client;
    struct text words;
    if (from.len && !address_parse_ip(from, 0, &client)) {
        api_refuse(c, 400, "/from", "\"%.*s\" is no IP address", SLICE_ARGS(from));
        return;
    }
    text_init(&words, WORDS_MAX);
    if (!route_explain(config, method, url, from.len ? &client : NULL, &words))
        api_refuse(c, 400, "/url", "%s", text_string(&words));
    else
        api_give(c, 200,
                 json_pack("{s:s, s:o}", "url", url.at, "text", api_text_json(text_slice(&words))));
    text_fini(&words);
}
