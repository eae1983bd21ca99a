// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <openssl/pkcs7.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "certcheck/fetch.h"
#include "certcheck/target.h"
#include "core/address.h"
#include "core/check.h"
#include "tests/unit/forked_server.h"
#include "tests/unit/test_certs.h"

// --aia: issuers fetched from a server on loopback.

static int listener, port;
static struct made_cert root, upper, lower, leaf;

static int make_certs(void **state) {
    char url[3][100];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    listener = server_listen(&port);
    for (int i = 0; i < 3; i++) snprintf(url[i], sizeof url[i], "http://127.0.0.1:%d/%d", port, i);
    root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    upper = make_cert(&(struct cert_recipe){
        .subject = "Upper", .issuer = &root, .issuer_url = url[2], .is_ca = true});
    lower = make_cert(&(struct cert_recipe){
        .subject = "Lower", .issuer = &upper, .issuer_url = url[1], .is_ca = true});
    leaf = make_cert(&(struct cert_recipe){
        .subject = "leaf", .names = "DNS:a.example", .issuer = &lower, .issuer_url = url[0]});
    return 0;
}

static int drop_certs(void **state) {
    (void)state;
    close(listener);
    drop_cert(&leaf);
    drop_cert(&lower);
    drop_cert(&upper);
    drop_cert(&root);
    return 0;
}

static void read_request(int fd, char path[100]) {
    char in[2000];
    size_t len = 0;
    while (len < sizeof in - 1) {
        ssize_t n = recv(fd, in + len, sizeof in - 1 - len, 0);
        if (n <= 0) break;
        len += (size_t)n;
        in[len] = '\0';
        if (strstr(in, "\r\n\r\n")) break;
    }
    in[len] = '\0';
    if (sscanf(in, "GET %99s HTTP/1.0\r\nHost: 127.0.0.1:", path) != 1) strcpy(path, "?");
}

static void answer(int fd, const char *head, struct slice body) {
    server_send(fd, slice_of(head));
    server_send(fd, body);
}

static struct slice der_of(const struct made_cert *c) {
    unsigned char *der = NULL;
    int len = i2d_X509(c->cert, &der);
    CHECK(len > 0);
    return (struct slice){(char *)der, (size_t)len};
}

// DER, PEM of a PKCS#7 behind a redirect, and DER again with a length.
static void serve_issuers(int fd, int number, const void *what) {
    char path[100], head[200];
    (void)number, (void)what;
    read_request(fd, path);
    if (strcmp(path, "/0") == 0) {
        answer(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/pkix-cert\r\n\r\n",
               der_of(&lower));
    } else if (strcmp(path, "/1") == 0) {
        snprintf(
            head, sizeof head,
            "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:%d/p7\r\nContent-Length: 0\r\n\r\n",
            port);
        answer(fd, head, SLICE(""));
    } else if (strcmp(path, "/p7") == 0) {
        PKCS7 *p = PKCS7_new();
        unsigned char *der = NULL;
        CHECK(PKCS7_set_type(p, NID_pkcs7_signed) && PKCS7_content_new(p, NID_pkcs7_data));
        CHECK(PKCS7_add_certificate(p, upper.cert));
        int len = i2d_PKCS7(p, &der);
        answer(fd, "HTTP/1.0 200 OK\r\n\r\n", (struct slice){(char *)der, (size_t)len});
    } else if (strcmp(path, "/2") == 0) {
        struct slice der = der_of(&root);
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", der.len);
        answer(fd, head, der);
    }
}

static struct targets *complete(serve_fn *serve, const void *what, const struct target_conf *conf) {
    static char path[] = "/tmp/rsp-issuers-XXXXXX.pem";
    struct text pem;
    strcpy(path, "/tmp/rsp-issuers-XXXXXX.pem");
    struct server s = server_start_on(dup(listener), port, serve, what);
    text_init(&pem, 100000);
    add_cert_pem(&pem, &leaf);
    int fd = mkstemps(path, 4);
    CHECK(fd >= 0 && write(fd, pem.at, pem.len) == (ssize_t)pem.len && close(fd) == 0);
    struct targets *t = targets_new(conf);
    targets_add(t, path);
    unlink(path);
    text_fini(&pem);
    server_stop(&s);
    return t;
}

static void missing_issuers_are_fetched_up_to_the_root(void **state) {
    struct target_conf conf = {
        .fetches_issuers = true, .fetches_from_private = true, .timeout_ms = 5000};
    struct targets *t = complete(serve_issuers, NULL, &conf);
    const X509 *wanted[] = {lower.cert, upper.cert, root.cert};
    struct target *one = targets_at(t, 0);
    (void)state;
    assert_string_equal(text_string(&one->problems), "");
    assert_int_equal(sk_X509_num(one->sent), 1);
    assert_int_equal(sk_X509_num(one->extra), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(X509_cmp(sk_X509_value(one->extra, i), wanted[i]), 0);
    targets_free(t);
}

static void serve_nobody(int fd, int number, const void *what) {
    (void)fd, (void)number, (void)what;
    _exit(3);
}

static void nothing_is_fetched_unless_it_is_asked_for_nor_from_private_addresses(void **state) {
    struct target_conf conf = {.timeout_ms = 5000};
    struct targets *t = complete(serve_nobody, NULL, &conf);
    (void)state;
    assert_int_equal(targets_at(t, 0)->problems.len, 0);
    assert_int_equal(sk_X509_num(targets_at(t, 0)->extra), 0);
    targets_free(t);
    conf.fetches_issuers = true;
    t = complete(serve_nobody, NULL, &conf);
    assert_non_null(strstr(text_string(&targets_at(t, 0)->problems),
                           "the address of 127.0.0.1 is not a public one"));
    targets_free(t);
}

// What a server says, again and again if it begins with '*'.
static void serve_text(int fd, int number, const void *what) {
    const char *text = what;
    char path[100];
    (void)number;
    read_request(fd, path);
    bool is_endless = text[0] == '*';
    server_send(fd, slice_of(text + is_endless));
    while (is_endless &&
           server_send(fd, SLICE("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"))) {}
}

static void serve_loop(int fd, int number, const void *what) {
    char path[100], head[200];
    (void)what;
    read_request(fd, path);
    if (number > FETCH_REDIRECTS_MAX) _exit(3); // once more than it may be asked
    snprintf(head, sizeof head, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d%s\r\n\r\n",
             port, path);
    server_send(fd, slice_of(head));
}

static void serve_silence(int fd, int number, const void *what) {
    char byte;
    (void)number, (void)what;
    while (recv(fd, &byte, 1, 0) == 1) {}
}

static void fails(serve_fn *serve, const char *text, unsigned timeout_ms, const char *words) {
    struct target_conf conf = {
        .fetches_issuers = true, .fetches_from_private = true, .timeout_ms = timeout_ms};
    struct targets *t = complete(serve, text, &conf);
    struct target *one = targets_at(t, 0);
    if (!strstr(text_string(&one->problems), words))
        fail_msg("no \"%s\" in: %s", words, text_string(&one->problems));
    assert_int_equal(sk_X509_num(one->extra), 0);
    targets_free(t);
}

static void answers_that_are_no_use_are_said_and_bounded(void **state) {
    (void)state;
    fails(serve_text, "*HTTP/1.1 200 OK\r\n\r\n", 5000, "larger than 256 KiB");
    fails(serve_text, "*HTTP/1.1 200 OK\r\nX: ", 5000, "no good HTTP answer");
    fails(serve_text, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 5000, "closed");
    fails(serve_text, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 5000, "has status 404");
    fails(serve_text, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 5000,
          "holds no certificate");
    fails(serve_text, "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\n\r\n", 5000,
          "only plain http://");
    fails(serve_text, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", 5000,
          "only plain http://");
    fails(serve_text, "\x16\x03\x01 garbage", 5000, "no good HTTP answer");
    fails(serve_loop, NULL, 5000, "redirected again and again");
    fails(serve_silence, NULL, 200, "no answer in time");
}

static void only_public_addresses_are_public(void **state) {
    static const char *const closed[] = {
        "127.0.0.1",       "10.1.2.3",       "172.31.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1",      "0.0.0.0",        "224.0.0.1",  "::1",         "::ffff:127.0.0.1",
        "fe80::1",         "fd00::1",        "::",         "ff02::1",     "2002:7f00:1::",
        "64:ff9b::7f00:1", "255.255.255.255"};
    static const char *const open[] = {"9.9.9.9", "172.32.0.1", "2600::1", "::ffff:9.9.9.9"};
    struct address a;
    (void)state;
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        assert_true(address_parse_ip(slice_of(closed[i]), 80, &a));
        if (fetch_is_public(&a)) fail_msg("%s", closed[i]);
    }
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_true(address_parse_ip(slice_of(open[i]), 80, &a));
        if (!fetch_is_public(&a)) fail_msg("%s", open[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_issuers_are_fetched_up_to_the_root),
        cmocka_unit_test(nothing_is_fetched_unless_it_is_asked_for_nor_from_private_addresses),
        cmocka_unit_test(answers_that_are_no_use_are_said_and_bounded),
        cmocka_unit_test(only_public_addresses_are_public),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
