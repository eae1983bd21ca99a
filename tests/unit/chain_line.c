// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/chain_line.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/check.h"

void make_line(struct line *l, const struct link *links) {
    *l = (struct line){.count = 1};
    l->certs[0] = make_ca("Anchor", NULL, NULL, NULL);
    for (; l->count <= LINE_CERTS_MAX && links[l->count - 1].name; l->count++) {
        const struct link *link = &links[l->count - 1];
        bool is_leaf = l->count == LINE_CERTS_MAX || !links[l->count].name;
        l->certs[l->count] =
            make_cert(&(struct cert_recipe){.subject = link->name,
                                            .names = is_leaf ? "DNS:a.example" : NULL,
                                            .issuer = &l->certs[l->count - 1],
                                            .is_ca = !is_leaf});
        if (link->extensions) line_extend(l, l->count, link->extensions);
    }
}

void drop_line(struct line *l) {
    for (size_t i = 0; i < l->count; i++) drop_cert(&l->certs[i]);
}

static size_t issuer_of(size_t number) {
    return number > 0 ? number - 1 : 0;
}

void line_extend(struct line *l, size_t number, const char *extensions) {
    add_extensions(l->certs[number].cert, l->certs[issuer_of(number)].cert, extensions);
    line_sign(l, number);
}

void line_sign(struct line *l, size_t number) {
    unsigned char *der = NULL;
    X509 *cert = l->certs[number].cert;
    CHECK(X509_sign(cert, l->certs[issuer_of(number)].key, EVP_sha256()) > 0);
    int len = i2d_X509(cert, &der);
    const unsigned char *at = der;
    X509_free(cert);
    l->certs[number].cert = d2i_X509(NULL, &at, len);
    CHECK(l->certs[number].cert);
    OPENSSL_free(der);
}

void add_extensions(X509 *cert, X509 *issuer, const char *extensions) {
    struct slice rest = slice_of(extensions);
    X509V3_CTX about;
    X509V3_set_ctx_nodb(&about);
    X509V3_set_ctx(&about, issuer, cert, NULL, NULL, 0);
    CONF *conf = NCONF_new(NULL); // policies are read with one only
    X509V3_set_nconf(&about, conf);
    while (rest.len > 0) {
        struct slice value = slice_cut(&rest, ';');
        struct slice name = slice_cut(&value, '=');
        char names[100], values[300];
        snprintf(names, sizeof names, "%.*s", SLICE_ARGS(name));
        snprintf(values, sizeof values, "%.*s", SLICE_ARGS(value));
        X509_EXTENSION *one = X509V3_EXT_conf(NULL, &about, names, values);
        if (!one) fail_msg("%s=%s cannot be made", names, values);
        int before = X509_get_ext_by_OBJ(cert, X509_EXTENSION_get_object(one), -1);
        if (before >= 0) X509_EXTENSION_free(X509_delete_ext(cert, before));
        CHECK(X509_add_ext(cert, one, -1) == 1);
        X509_EXTENSION_free(one);
    }
    NCONF_free(conf);
}

bool line_is_valid(struct line *l, struct chain_question ask, const struct made_cert *helper,
                   const char *words) {
    struct graph *g = graph_new(0);
    struct chain_answer answer;
    ask.leaf = l->certs[l->count - 1].cert;
    for (size_t i = 0; i < l->count; i++) graph_add(g, l->certs[i].cert, i == 0);
    if (helper) graph_add(g, helper->cert, false);
    bool is_found = chain_find(g, &ask, &answer) == CHAIN_FOUND;
    if (!is_found) print_message("  %s\n", text_string(&answer.why));
    if (!is_found && words && !strstr(text_string(&answer.why), words))
        fail_msg("no \"%s\" in: %s", words, text_string(&answer.why));
    chain_answer_fini(&answer);
    graph_free(g);
    return is_found;
}
