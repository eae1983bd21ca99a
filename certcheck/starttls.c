// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/starttls.h"

#include "certcheck/starttls_parts.h"

#define PORTS_MAX 3

struct starttls {
    const char *name;
    int ports[PORTS_MAX]; // the first is the default
    starttls_ask_fn *ask;
};

static const struct starttls dialects[] = {
#define DIALECT(symbol, name, port, second, third)                                                 \
    {(name), {(port), (second), (third)}, starttls_ask_##symbol},
#include "certcheck/starttls.def"
#undef DIALECT
};
#define DIALECTS (sizeof dialects / sizeof *dialects)

const struct starttls *starttls_find(const char *name) {
    for (size_t i = 0; i < DIALECTS; i++)
        if (strcmp(dialects[i].name, name) == 0) return &dialects[i];
    return NULL;
}

const struct starttls *starttls_of_port(int port) {
    for (size_t i = 0; i < DIALECTS; i++)
        for (size_t k = 0; k < PORTS_MAX; k++)
            if (dialects[i].ports[k] == port) return &dialects[i];
    return NULL;
}

const char *starttls_name(const struct starttls *s) {
    return s->name;
}

int starttls_port(const struct starttls *s) {
    return s->ports[0];
}

void starttls_add_names(struct text *out) {
    for (size_t i = 0; i < DIALECTS; i++)
        text_printf(out, "%s%s", i > 0 ? ", " : "", dialects[i].name);
}

// What came along with the agreement was not protected: somebody may have put it there.
bool starttls_ask(const struct starttls *s, struct link *l, const char *name, struct text *why) {
    struct text reason;
    text_init(&reason, 600);
    bool is_agreed = s->ask(l, name, &reason);
    if (!is_agreed)
        text_printf(why, "STARTTLS (%s): %s", s->name, text_string(&reason));
    else if (link_unread(l) > 0)
        text_printf(why, "STARTTLS (%s): %zu bytes came in plain text after the agreement", s->name,
                    link_unread(l));
    text_fini(&reason);
    return is_agreed && link_unread(l) == 0;
}

void starttls_quote(struct text *why, const char *before, struct slice said) {
    text_add(why, slice_of(before));
    text_add_char(why, '"');
    for (size_t i = 0; i < said.len && i < 100; i++)
        text_add_char(why, said.at[i] >= ' ' && said.at[i] < 0x7f ? said.at[i] : '?');
    text_add_char(why, '"');
}
