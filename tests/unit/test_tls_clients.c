// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/check.h"
#include "tests/unit/test_certs.h"
#include "tests/unit/test_tls_peer.h"
#include "tls/chain/narrow.h"
#include "tls/chain/question.h"

// Clients with certificates: a server whose names "need.example" and "want.example" ask for one.
enum { MESH = 6, MESH_CERTS = MESH * (MESH - 1) };

struct fixture {
    struct loop *loop;
    struct files *files;
    struct text problems;
    struct made_cert root, client;
    struct tls_server *server;
};

static size_t rules_of(const void *arg, struct slice name) {
    (void)arg;
    return slice_starts_with(name, SLICE("need"))   ? 1
           : slice_starts_with(name, SLICE("want")) ? 2
                                                    : 0;
}

static void start(struct fixture *f) {
    const struct tls_client_rules rules[] = {
        {.asks = TLS_ASKS_NOTHING},
        {.asks = TLS_REQUIRES_CERTIFICATE, .ca_file = "root.pem", .intermediates_max = 6},
        {.asks = TLS_REQUESTS_CERTIFICATE, .ca_file = "root.pem", .intermediates_max = 6}};
    struct tls_server_conf conf = {
        .identities = &(struct tls_identity_conf){.cert = "a.pem"},
        .identity_count = 1,
        .has_tickets = true,
        .client_rules = rules,
        .client_rules_count = 3,
        .rules_of = rules_of,
    };
    f->server = tls_server_new(f->files, &conf, &f->problems);
    assert_int_equal(f->problems.len, 0);
}

static struct fixture prepare(long client_ends_s) {
    struct fixture f = {.loop = loop_new(), .files = files_new()};
    text_init(&f.problems, 10000);
    struct made_cert c = make_cert(&(struct cert_recipe){.subject = "a", .names = "DNS:*.example"});
    put_pem(f.files, "a.pem", "ck", &c, NULL);
    drop_cert(&c);
    f.root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    f.client = make_cert(&(struct cert_recipe){.subject = "client",
                                               .issuer = &f.root,
                                               .names = "DNS:client.example",
                                               .begins_s = -100,
                                               .ends_s = client_ends_s});
    put_pem(f.files, "root.pem", "c", &f.root, NULL);
    start(&f);
    return f;
}

static void clean(struct fixture *f) {
    tls_server_free(f->server);
    drop_cert(&f->root);
    drop_cert(&f->client);
    text_fini(&f->problems);
    files_free(f->files);
    loop_free(f->loop);
}

static struct peer visitor(struct fixture *f, const char *name, const struct made_cert *client) {
    struct peer p = peer_new(f->loop, f->server, name);
    if (!client) return p;
    SSL_set_security_level(p.ssl, 0);
    assert_int_equal(SSL_use_certificate(p.ssl, client->cert), 1);
    assert_int_equal(SSL_use_PrivateKey(p.ssl, client->key), 1);
    return p;
}

static void rules_go_by_the_name_that_is_asked_for(void **state) {
    (void)state;
    struct fixture f = prepare(1000);
    static const struct {
        const char *name;
        bool has_client, is_in, is_asked;
    } rows[] = {{"open.example", false, true, false},
                {"open.example", true, true, false},
                {"need.example", false, false, true},
                {"need.example", true, true, true},
                {"want.example", false, true, true},
                {"want.example", true, true, true},
                {NULL, true, true, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peer p = visitor(&f, rows[i].name, rows[i].has_client ? &f.client : NULL);
        SSL_set_max_proto_version(p.ssl, TLS1_2_VERSION); // both ends know when it is over
        assert_int_equal(peer_shake(&p), rows[i].is_in);
        bool is_known = rows[i].is_in && rows[i].is_asked && rows[i].has_client;
        assert_int_equal(tls_has_certificate(p.ours), is_known);
        assert_int_equal(tls_peer(p.ours) != NULL, is_known);
        if (is_known) assert_true(slice_equals(tls_peer(p.ours)->subject, SLICE("CN=client")));
        if (is_known) assert_int_equal(tls_peer(p.ours)->path_length, 2);
        peer_drop(&p);
    }
    clean(&f);
}

static SSL_SESSION *visit(struct fixture *f, const char *name, SSL_SESSION *offered, bool *is_in) {
    struct peer p = visitor(f, name, &f->client);
    SSL_set_max_proto_version(p.ssl, TLS1_2_VERSION);
    if (offered) SSL_set_session(p.ssl, offered);
    *is_in = peer_shake(&p);
    assert_int_equal(SSL_session_reused(p.ssl), tls_is_resumed(p.ours));
    SSL_SESSION *session = tls_is_resumed(p.ours) || !offered ? SSL_get1_session(p.ssl) : NULL;
    SSL_shutdown(p.ssl);
    peer_drop(&p);
    return session;
}

// The last second counts as valid.
static bool has_ended(const X509 *cert) {
    time_t before = time(NULL) - 1;
    return X509_cmp_time(X509_get0_notAfter(cert), &before) == -1;
}

// The second attempt is only for a machine that needs seconds for a handshake.
static void a_ticket_does_not_outlive_the_clients_certificate(void **state) {
    (void)state;
    for (long ends_s = 3;; ends_s *= 4) {
        struct fixture f = prepare(ends_s);
        bool is_in, is_in_again, is_in_late;
        SSL_SESSION *first = visit(&f, "need.example", NULL, &is_in);
        SSL_SESSION *second = visit(&f, "need.example", first, &is_in_again);
        bool is_in_time = is_in && is_in_again && second;
        while (is_in_time && !has_ended(f.client.cert)) usleep(100000);
        SSL_SESSION *third = is_in_time ? visit(&f, "need.example", second, &is_in_late) : NULL;
        assert_null(third);
        if (is_in_time) assert_false(is_in_late);
        SSL_SESSION_free(first);
        SSL_SESSION_free(second);
        clean(&f);
        if (is_in_time) break;
        assert_true(ends_s < 40);
    }
}

static int alert; // the last one that a client was sent

static void note_alert(const SSL *ssl, int where, int value) {
    (void)ssl;
    if (where == SSL_CB_READ_ALERT) alert = value & 0xff;
}

static char *many_names(size_t bytes) {
    char *names = malloc(bytes + 40);
    size_t len = 0;
    CHECK(names);
    while (len < bytes)
        len += (size_t)sprintf(names + len, "%sDNS:n%zu.example", len > 0 ? "," : "", len);
    return names;
}

// What is too large for a ticket is no reason to send anybody away; what is too large for a session is one, with a name.
static void a_large_certificate_gets_no_ticket_and_a_huge_one_is_refused(void **state) {
    static const struct {
        size_t names;
        bool is_in, has_ticket;
        const char *why;
        int alert;
    } rows[] = {{3000, true, true, NULL, 0},
                {8000, true, false, NULL, 0},
                {36000, true, false, NULL, 0},
                {75000, false, false, " is larger than 49152 bytes", SSL_AD_BAD_CERTIFICATE},
                {150000, false, false, "more than 100 KiB", SSL_AD_ILLEGAL_PARAMETER}};
    (void)state;
    struct fixture f = prepare(1000);
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        char *names = many_names(rows[i / 2].names), byte;
        struct made_cert large =
            make_cert(&(struct cert_recipe){.subject = "large", .issuer = &f.root, .names = names});
        struct peer p = visitor(&f, "need.example", &large);
        SSL_set_max_proto_version(p.ssl, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
        SSL_set_info_callback(p.ssl, note_alert);
        alert = 0;
        assert_int_equal(peer_shake(&p), rows[i / 2].is_in);
        if (rows[i / 2].why) {
            if (!strstr(stream_failure(p.ours), rows[i / 2].why))
                fail_msg("%zu bytes of names: %s", rows[i / 2].names, stream_failure(p.ours));
            PEER_UNTIL(&p, SSL_read(p.ssl, &byte, 1) <= 0 && alert != 0);
            assert_int_equal(alert, rows[i / 2].alert);
        } else {
            stream_write(p.ours, SLICE("x"));
            PEER_UNTIL(&p, SSL_read(p.ssl, &byte, 1) == 1);
            assert_int_equal(byte, 'x');
            assert_int_equal(SSL_SESSION_has_ticket(SSL_get_session(p.ssl)),
                             rows[i / 2].has_ticket);
        }
        peer_drop(&p);
        drop_cert(&large);
        free(names);
    }
    clean(&f);
}

// --- a hostile client: authorities that all have certified each other, and one that claims to be certified by the root ---

struct mesh {
    struct made_cert authorities[MESH], liar, leaf;
    STACK_OF(X509) * sent;
};

static struct mesh make_mesh(void) {
    struct mesh m = {.sent = sk_X509_new_null()};
    char name[20];
    struct made_cert false_root =
        make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    for (int i = 0; i < MESH; i++) {
        snprintf(name, sizeof name, "Authority %d", i);
        m.authorities[i] = make_cert(&(struct cert_recipe){.subject = name, .is_ca = true});
    }
    // The certificate for the way out comes first: the root's name, a stranger's signature.
    snprintf(name, sizeof name, "Authority %d", MESH - 1);
    m.liar = make_cert(&(struct cert_recipe){.subject = name,
                                             .issuer = &false_root,
                                             .use_key = m.authorities[MESH - 1].key,
                                             .is_ca = true});
    X509_EXTENSION_free(X509_delete_ext( // so that only the check of its signature tells
        m.liar.cert, X509_get_ext_by_NID(m.liar.cert, NID_authority_key_identifier, -1)));
    CHECK(X509_sign(m.liar.cert, false_root.key, EVP_sha256()) > 0);
    X509_up_ref(m.liar.cert);
    sk_X509_push(m.sent, m.liar.cert);
    for (int i = 0; i < MESH; i++) {
        snprintf(name, sizeof name, "Authority %d", i);
        for (int k = 0; k < MESH; k++) {
            if (i == k) continue;
            struct made_cert cross =
                make_cert(&(struct cert_recipe){.subject = name,
                                                .issuer = &m.authorities[k],
                                                .use_key = m.authorities[i].key,
                                                .is_ca = true});
            sk_X509_push(m.sent, cross.cert);
            EVP_PKEY_free(cross.key);
        }
    }
    m.leaf = make_cert(&(struct cert_recipe){
        .subject = "hostile", .issuer = &m.authorities[0], .names = "DNS:h.example"});
    drop_cert(&false_root);
    return m;
}

static void drop_mesh(struct mesh *m) {
    for (int i = 0; i < MESH; i++) drop_cert(&m->authorities[i]);
    drop_cert(&m->liar);
    drop_cert(&m->leaf);
    sk_X509_pop_free(m->sent, X509_free);
}

static void a_mesh_of_authorities_costs_no_more_than_its_budget(void **state) {
    (void)state;
    struct made_cert root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    struct mesh m = make_mesh();
    assert_int_equal(sk_X509_num(m.sent), MESH_CERTS + 1);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, root.cert);
    X509_STORE_CTX_init(verification, store, m.leaf.cert, m.sent);
    struct narrow_rules rules = {.purpose = CHAIN_CLIENT, .intermediates_max = -1};
    struct narrow_verdict verdict;
    struct text why;
    text_init(&why, 1000);
    assert_false(narrow_verify(verification, &rules, &verdict, &why));
    assert_int_equal(verdict.length, 0);
    assert_in_range(verdict.visits, MESH, CHAIN_LIMITS_HANDSHAKE.visits);
    // Each signature once, however often the search comes by it.
    assert_in_range(verdict.signatures, 1, MESH_CERTS + 2);
    assert_int_equal(verdict.verifications, 0);
    text_fini(&why);
    X509_STORE_CTX_free(verification);
    X509_STORE_free(store);
    drop_mesh(&m);
    drop_cert(&root);
}

static void others_are_served_while_a_mesh_is_refused(void **state) {
    (void)state;
    struct fixture f = prepare(1000);
    struct mesh m = make_mesh();
    struct peer hostile = visitor(&f, "need.example", &m.leaf);
    SSL_set_max_proto_version(hostile.ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_set1_chain(hostile.ssl, m.sent), 1);
    SSL_do_handshake(hostile.ssl);
    peer_move(&hostile); // begun, not over
    struct peer good = visitor(&f, "need.example", &f.client);
    assert_true(peer_shake(&good));
    assert_false(peer_shake(&hostile));
    assert_non_null(strstr(stream_failure(hostile.ours), "TLS: the certificate "));
    stream_write(good.ours, SLICE("x"));
    char byte = 0;
    PEER_UNTIL(&good, SSL_read(good.ssl, &byte, 1) == 1);
    assert_int_equal(byte, 'x');
    peer_drop(&hostile);
    peer_drop(&good);
    drop_mesh(&m);
    clean(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_go_by_the_name_that_is_asked_for),
        cmocka_unit_test(a_ticket_does_not_outlive_the_clients_certificate),
        cmocka_unit_test(a_large_certificate_gets_no_ticket_and_a_huge_one_is_refused),
        cmocka_unit_test(a_mesh_of_authorities_costs_no_more_than_its_budget),
        cmocka_unit_test(others_are_served_while_a_mesh_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
