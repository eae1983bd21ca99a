// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/test_certs.h"
#include "tests/unit/test_tls_peer.h"

// Two servers over one area of keys, as two workers have them.
struct fixture {
    struct loop *loop;
    struct files *files;
    struct text problems;
    struct tls_server *servers[2];
    _Alignas(16) unsigned char area[TLS_TICKET_AREA_BYTES];
};

static void start(struct fixture *f, bool has_tickets) {
    struct tls_server_conf conf = {
        .identities = &(struct tls_identity_conf){.cert = "a.pem"},
        .identity_count = 1,
        .has_tickets = has_tickets,
        .ticket_keys = f->area,
    };
    for (int i = 0; i < 2; i++) f->servers[i] = tls_server_new(f->files, &conf, &f->problems);
    assert_int_equal(f->problems.len, 0);
}

static void prepare(struct fixture *f, bool has_tickets) {
    *f = (struct fixture){.loop = loop_new(), .files = files_new()};
    struct made_cert c = make_cert(&(struct cert_recipe){
        .subject = "a", .names = "DNS:a.example,DNS:b.example,DNS:*.w.example"});
    text_init(&f->problems, 10000);
    put_pem(f->files, "a.pem", "ck", &c, NULL);
    drop_cert(&c);
    tls_tickets_init(f->area);
    start(f, has_tickets);
}

static void clean(struct fixture *f) {
    for (int i = 0; i < 2; i++) tls_server_free(f->servers[i]);
    text_fini(&f->problems);
    files_free(f->files);
    loop_free(f->loop);
}

// One connection that offers a session (NULL: none) and returns the one it got. *resumed tells.
static SSL_SESSION *visit(struct fixture *f, int server, int version, const char *name,
                          SSL_SESSION *offered, bool *resumed) {
    struct peer p = peer_new(f->loop, f->servers[server], name);
    char byte;
    SSL_set_max_proto_version(p.ssl, version);
    if (offered) SSL_set_session(p.ssl, offered);
    assert_true(peer_shake(&p));
    stream_write(p.ours, SLICE("x")); // behind the tickets
    PEER_UNTIL(&p, SSL_read(p.ssl, &byte, 1) == 1);
    *resumed = SSL_session_reused(p.ssl) == 1;
    assert_int_equal(*resumed, tls_is_resumed(p.ours));
    SSL_SESSION *session = SSL_get1_session(p.ssl);
    SSL_shutdown(p.ssl); // else OpenSSL marks the session as not to be resumed
    peer_drop(&p);
    return session;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void a_ticket_of_one_worker_is_good_for_another(void **state) {
    (void)state;
    struct fixture f;
    prepare(&f, true);
    for (int v = 0; v < 2; v++) {
        bool resumed;
        SSL_SESSION *first = visit(&f, 0, versions[v], "a.example", NULL, &resumed);
        assert_false(resumed);
        SSL_SESSION *second = visit(&f, 1, versions[v], "a.example", first, &resumed);
        assert_true(resumed);
        SSL_SESSION_free(first);
        SSL_SESSION_free(second);
    }
    clean(&f);
}

static void a_ticket_is_good_for_its_own_name_only(void **state) {
    (void)state;
    struct fixture f;
    static const char long1[] = "a-name-that-is-longer-than-thirty-two-bytes.w.example";
    static const char long2[] = "a-name-that-is-longer-than-thirty-two-bites.w.example";
    prepare(&f, true);
    for (int v = 0; v < 2; v++) {
        bool resumed;
        SSL_SESSION *a = visit(&f, 0, versions[v], "a.example", NULL, &resumed);
        SSL_SESSION_free(visit(&f, 0, versions[v], "b.example", a, &resumed));
        assert_false(resumed);
        SSL_SESSION_free(visit(&f, 0, versions[v], NULL, a, &resumed));
        assert_false(resumed);
        SSL_SESSION *l = visit(&f, 0, versions[v], long1, NULL, &resumed);
        SSL_SESSION_free(visit(&f, 0, versions[v], long2, l, &resumed));
        assert_false(resumed);
        SSL_SESSION_free(visit(&f, 0, versions[v], long1, l, &resumed));
        assert_true(resumed);
        SSL_SESSION_free(a);
        SSL_SESSION_free(l);
    }
    clean(&f);
}

static void two_rotations_keep_a_ticket_good_and_a_third_ends_it(void **state) {
    (void)state;
    struct fixture f;
    prepare(&f, true);
    bool resumed;
    SSL_SESSION *s = visit(&f, 0, TLS1_3_VERSION, "a.example", NULL, &resumed);
    for (int rotations = 1; rotations <= 3; rotations++) {
        tls_tickets_rotate(f.area);
        SSL_SESSION_free(visit(&f, 1, TLS1_3_VERSION, "a.example", s, &resumed));
        assert_int_equal(resumed, rotations < 3);
    }
    SSL_SESSION_free(s);
    clean(&f);
}

static void another_machines_ticket_gives_a_full_handshake(void **state) {
    (void)state;
    struct fixture f;
    prepare(&f, true);
    bool resumed;
    SSL_SESSION *s = visit(&f, 0, TLS1_3_VERSION, "a.example", NULL, &resumed);
    tls_tickets_init(f.area);
    SSL_SESSION_free(visit(&f, 0, TLS1_3_VERSION, "a.example", s, &resumed));
    assert_false(resumed);
    SSL_SESSION_free(s);
    clean(&f);
}

static void without_tickets_nothing_is_resumed(void **state) {
    (void)state;
    struct fixture f;
    prepare(&f, false);
    for (int v = 0; v < 2; v++) {
        bool resumed;
        SSL_SESSION *s = visit(&f, 0, versions[v], "a.example", NULL, &resumed);
        SSL_SESSION_free(visit(&f, 0, versions[v], "a.example", s, &resumed));
        assert_false(resumed);
        SSL_SESSION_free(s);
    }
    clean(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_of_one_worker_is_good_for_another),
        cmocka_unit_test(a_ticket_is_good_for_its_own_name_only),
        cmocka_unit_test(two_rotations_keep_a_ticket_good_and_a_third_ends_it),
        cmocka_unit_test(another_machines_ticket_gives_a_full_handshake),
        cmocka_unit_test(without_tickets_nothing_is_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
