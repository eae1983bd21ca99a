// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "tests/unit/test_certs.h"
#include "tests/unit/test_tls_peer.h"
#include "tls/layer.h"

#define MANY_BYTES ((size_t)24 << 20)
#define CHUNK      70000

struct fixture {
    struct loop *loop;
    struct files *files;
    struct text problems;
    struct tls_server *server;
};

static struct fixture prepare(void) {
    struct fixture f = {.loop = loop_new(), .files = files_new()};
    struct made_cert c = make_cert(&(struct cert_recipe){.subject = "a", .names = "DNS:a.example"});
    text_init(&f.problems, 10000);
    put_pem(f.files, "a.pem", "ck", &c, NULL);
    drop_cert(&c);
    struct tls_server_conf conf = {.identities = &(struct tls_identity_conf){.cert = "a.pem"},
                                   .identity_count = 1,
                                   .has_tickets = true};
    f.server = tls_server_new(f.files, &conf, &f.problems);
    assert_int_equal(f.problems.len, 0);
    return f;
}

static void clean(struct fixture *f) {
    tls_server_free(f->server);
    text_fini(&f->problems);
    files_free(f->files);
    loop_free(f->loop);
}

static struct peer shaken(struct fixture *f, int version) {
    struct peer p = peer_new(f->loop, f->server, "a.example");
    SSL_set_max_proto_version(p.ssl, version);
    assert_true(peer_shake(&p));
    return p;
}

// What the client can read now, appended to `out` (of max bytes).
static size_t client_reads(struct peer *p, char *out, size_t max) {
    size_t used = 0, n;
    while (used < max && SSL_read_ex(p->ssl, out + used, max - used, &n) == 1) used += n;
    return used;
}

static void bytes_pass_both_ways_in_either_version(void **state) {
    (void)state;
    struct fixture f = prepare();
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct peer p = shaken(&f, versions[i]);
        char got[100];
        size_t n = 0;
        assert_int_equal(SSL_write(p.ssl, "ping", 4), 4);
        PEER_UNTIL(&p, stream_input_len(p.ours) == 4);
        assert_true(slice_equals(stream_peek(p.ours), SLICE("ping")));
        stream_consume(p.ours, 4);
        stream_write(p.ours, SLICE("po"));
        stream_write(p.ours, SLICE("ng"));
        PEER_UNTIL(&p, (n += client_reads(&p, got + n, sizeof got - n)) == 4);
        assert_memory_equal(got, "pong", 4);
        assert_string_equal(tls_version(p.ours), i == 0 ? "TLSv1.2" : "TLSv1.3");
        peer_drop(&p);
    }
    clean(&f);
}

static void a_plain_stream_has_no_tls(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct stream *pair[2];
    stream_pair(loop, pair);
    assert_string_equal(tls_version(pair[0]), "-");
    assert_string_equal(tls_cipher(pair[0]), "-");
    assert_int_equal(tls_name(pair[0]).len, 0);
    assert_false(tls_is_resumed(pair[0]));
    stream_free(pair[0]);
    stream_free(pair[1]);
    loop_turn(loop, 0);
    loop_free(loop);
}

static void close_notify_ends_the_input_and_ours_follows(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct peer p = shaken(&f, TLS1_3_VERSION);
    char got[10];
    SSL_write(p.ssl, "last", 4);
    SSL_shutdown(p.ssl);
    PEER_UNTIL(&p, stream_end(p.ours) != STREAM_OPEN);
    assert_int_equal(stream_end(p.ours), STREAM_ENDED);
    assert_int_equal(stream_input_len(p.ours), 4); // the end is said while input is left
    stream_write(p.ours, SLICE("bye"));            // the other direction is still open
    stream_shut(p.ours);
    size_t n = 0;
    PEER_UNTIL(&p, (n += client_reads(&p, got + n, sizeof got - n)) == 3 &&
                       SSL_get_shutdown(p.ssl) & SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(n, 3);
    assert_true(SSL_get_shutdown(p.ssl) & SSL_RECEIVED_SHUTDOWN);
    assert_true(stream_is_shut(p.ours));
    peer_drop(&p);
    clean(&f);
}

static void an_end_without_close_notify_is_a_truncation(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct peer p = shaken(&f, TLS1_3_VERSION);
    SSL_write(p.ssl, "half", 4);
    PEER_UNTIL(&p, stream_input_len(p.ours) == 4);
    stream_shut(p.wire);
    PEER_UNTIL(&p, stream_end(p.ours) != STREAM_OPEN);
    assert_int_equal(stream_end(p.ours), STREAM_TRUNCATED);
    assert_int_equal(stream_input_len(p.ours), 4);
    peer_drop(&p);
    clean(&f);
}

// --- much in both directions ---

struct sum {
    EVP_MD_CTX *digest;
    size_t bytes;
};

static struct sum sum_new(void) {
    struct sum s = {.digest = EVP_MD_CTX_new()};
    EVP_DigestInit_ex(s.digest, EVP_sha256(), NULL);
    return s;
}

static void sum_add(struct sum *s, const void *at, size_t len) {
    EVP_DigestUpdate(s->digest, at, len);
    s->bytes += len;
}

static void sums_are_equal(struct sum *a, struct sum *b) {
    unsigned char x[EVP_MAX_MD_SIZE], y[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    assert_int_equal(a->bytes, b->bytes);
    EVP_DigestFinal_ex(a->digest, x, &len);
    EVP_DigestFinal_ex(b->digest, y, &len);
    assert_memory_equal(x, y, len);
    EVP_MD_CTX_free(a->digest);
    EVP_MD_CTX_free(b->digest);
}

// The next piece of an endless text of uneven pieces: many small ones, some large.
static size_t next_piece(unsigned *seed, char *out) {
    *seed = *seed * 1103515245u + 12345u;
    size_t len = (*seed >> 16) % 8 == 0 ? (*seed >> 4) % CHUNK : (*seed >> 4) % 200;
    memset(out, (int)(*seed >> 20), len);
    if (len > 4) memcpy(out, seed, 4);
    return len;
}

static void a_large_download_arrives_whole_while_the_backlog_stays_bounded(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct peer p = shaken(&f, TLS1_3_VERSION);
    struct sum sent = sum_new(), got = sum_new();
    char *piece = malloc(CHUNK);
    unsigned seed = 1;
    for (int turns = 0; turns < 100000 && (got.bytes < MANY_BYTES || got.bytes < sent.bytes);
         turns++) {
        while (sent.bytes < MANY_BYTES && stream_backlog(p.ours) < 200000) {
            size_t n = next_piece(&seed, piece);
            stream_write(p.ours, (struct slice){piece, n});
            sum_add(&sent, piece, n);
        }
        assert_true(stream_backlog(p.ours) < 200000 + CHUNK + 20000);
        peer_move(&p);
        if (turns % 5 != 0) continue; // a client that reads in bursts
        for (size_t n; (n = client_reads(&p, piece, CHUNK)) > 0;) sum_add(&got, piece, n);
        if (sent.bytes >= MANY_BYTES && got.bytes == sent.bytes) break;
    }
    sums_are_equal(&sent, &got);
    free(piece);
    peer_drop(&p);
    clean(&f);
}

static void a_large_upload_arrives_whole_while_the_input_stays_bounded(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct peer p = shaken(&f, TLS1_3_VERSION);
    struct sum sent = sum_new(), got = sum_new();
    char *piece = malloc(CHUNK);
    unsigned seed = 7;
    stream_set_input_max(p.ours, 50000);
    for (int turns = 0; turns < 100000; turns++) {
        while (sent.bytes < MANY_BYTES && BIO_pending(p.out) < 300000) {
            size_t n = next_piece(&seed, piece);
            if (n > 0) assert_int_equal(SSL_write(p.ssl, piece, (int)n), (int)n);
            sum_add(&sent, piece, n);
        }
        peer_move(&p);
        assert_true(stream_input_len(p.ours) < 50000 + TLS_RECORD_BYTES);
        if (turns % 3 != 0) continue; // whoever takes the bytes is slow
        while (stream_input_len(p.ours) > 0) {
            struct slice run = stream_peek(p.ours);
            sum_add(&got, run.at, run.len);
            stream_consume(p.ours, run.len);
        }
        if (sent.bytes >= MANY_BYTES && got.bytes == sent.bytes) break;
    }
    sums_are_equal(&sent, &got);
    free(piece);
    peer_drop(&p);
    clean(&f);
}

// --- records ---

struct records {
    size_t count, first, largest;
};

static void on_record(int is_sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
                      void *arg) {
    struct records *r = arg;
    (void)version, (void)len, (void)ssl;
    if (is_sent || type != SSL3_RT_HEADER) return;
    const unsigned char *head = bytes;
    size_t size = (size_t)(head[3] << 8 | head[4]);
    if (r->count++ == 0) r->first = size;
    if (size > r->largest) r->largest = size;
}

static void records_begin_small_grow_and_gather_small_pieces(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct peer p = shaken(&f, TLS1_3_VERSION);
    struct records r = {0};
    char *got = malloc(1u << 20);
    size_t n = 0, total = 0;
    stream_write(p.ours, SLICE("x")); // behind the tickets
    PEER_UNTIL(&p, (n += client_reads(&p, got, 100)) == 1);
    SSL_set_msg_callback(p.ssl, on_record);
    SSL_set_msg_callback_arg(p.ssl, &r);
    for (int i = 0; i < 100; i++) stream_write(p.ours, SLICE("0123456789"));
    PEER_UNTIL(&p, (total += client_reads(&p, got, 1u << 20)) == 1000);
    assert_int_equal(r.count, 1);
    char *much = calloc(1, 300000);
    stream_write(p.ours, (struct slice){much, 300000});
    total = 0;
    r.count = 0;
    PEER_UNTIL(&p, (total += client_reads(&p, got, 1u << 20)) == 300000);
    assert_true(r.first > TLS_FIRST_RECORD_BYTES && r.first < TLS_FIRST_RECORD_BYTES + 40);
    assert_true(r.largest > TLS_RECORD_BYTES && r.largest < TLS_RECORD_BYTES + 40);
    assert_true(r.count < 70);
    free(much);
    free(got);
    peer_drop(&p);
    clean(&f);
}

// --- peers that misbehave ---

static void fails_with(struct fixture *f, struct slice sent, const char *part) {
    struct stream *pair[2];
    stream_pair(f->loop, pair);
    tls_accept(f->server, pair[1]);
    stream_write(pair[0], sent);
    stream_shut(pair[0]);
    for (int i = 0; i < 2000 && stream_handshake(pair[1]) == PENDING; i++) loop_turn(f->loop, 1);
    assert_int_equal(stream_handshake(pair[1]), BROKEN);
    assert_int_equal(stream_end(pair[1]), STREAM_FAILED);
    if (!strstr(stream_failure(pair[1]), part)) fail_msg("said: %s", stream_failure(pair[1]));
    stream_free(pair[0]);
    stream_free(pair[1]);
    loop_turn(f->loop, 0);
}

static void only_plain_http_is_taken_for_it(void **state) {
    (void)state;
    static const struct {
        const char *sent;
        bool is_http;
    } CASES[] = {{"GET / HTTP/1.1\r\n\r\n", true},
                 {"POST /a HTTP/1.1\r\n\r\n", true},
                 {"CONNECT a:443 HTTP/1.1\r\n\r\n", true},
                 {"SSH-2.0-OpenSSH_9.2\r\n", false},
                 {"get / http/1.1\r\n\r\n", false}};
    struct fixture f = prepare();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct stream *pair[2];
        stream_pair(f.loop, pair);
        tls_accept(f.server, pair[1]);
        stream_write(pair[0], slice_of(CASES[i].sent));
        for (int n = 0; n < 2000 && stream_handshake(pair[1]) == PENDING; n++) loop_turn(f.loop, 1);
        assert_int_equal(stream_handshake(pair[1]), BROKEN);
        assert_int_equal(tls_has_heard_http(pair[1]), CASES[i].is_http);
        stream_free(pair[0]);
        stream_free(pair[1]);
        loop_turn(f.loop, 0);
    }
    clean(&f);
}

static void plain_http_and_garbage_are_named_as_what_they_are(void **state) {
    (void)state;
    struct fixture f = prepare();
    char noise[4000];
    fails_with(&f, SLICE("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
               "plain HTTP was sent to a TLS port");
    fails_with(&f, SLICE("SSH-2.0-OpenSSH_9.2\r\n"), "not TLS");
    fails_with(&f, SLICE("\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "TLS: ");
    fails_with(&f, SLICE(""), "the connection ended during the handshake");
    for (int i = 0; i < 50; i++) {
        RAND_bytes((unsigned char *)noise, sizeof noise);
        if (i % 2) memcpy(noise, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
        fails_with(&f, (struct slice){noise, sizeof noise}, "TLS: ");
    }
    clean(&f);
}

static void an_alert_tells_the_client_why_before_the_connection_closes(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct stream *pair[2];
    stream_pair(f.loop, pair);
    tls_accept(f.server, pair[1]);
    stream_write(pair[0],
                 SLICE("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")); // a ClientHello of one byte
    for (int i = 0; i < 2000 && stream_input_len(pair[0]) < 7; i++) loop_turn(f.loop, 1);
    assert_int_equal(stream_input_len(pair[0]), 7);
    assert_int_equal(stream_peek(pair[0]).at[0], SSL3_RT_ALERT);
    stream_free(pair[0]);
    stream_free(pair[1]);
    loop_turn(f.loop, 0);
    clean(&f);
}

// Cuts what the client sends after n bytes; then it ends. True: n was too much to cut anything.
static bool cut_at(struct fixture *f, int version, size_t n) {
    struct peer p = peer_new(f->loop, f->server, "a.example");
    SSL_set_max_proto_version(p.ssl, version);
    p.cut_after = n;
    for (int i = 0; i < 300 && p.sent < n; i++) {
        SSL_do_handshake(p.ssl);
        peer_move(&p);
        if (SSL_is_init_finished(p.ssl) && BIO_pending(p.out) == 0) break;
    }
    bool is_whole = p.sent < n;
    stream_shut(p.wire);
    PEER_UNTIL(&p, stream_end(p.ours) != STREAM_OPEN);
    assert_int_equal(stream_end(p.ours),
                     stream_handshake(p.ours) == READY ? STREAM_TRUNCATED : STREAM_FAILED);
    if (stream_handshake(p.ours) == BROKEN)
        assert_string_equal(stream_failure(p.ours),
                            "TLS: the connection ended during the handshake");
    peer_drop(&p);
    return is_whole;
}

static void a_handshake_cut_after_any_byte_fails_in_words(void **state) {
    (void)state;
    struct fixture f = prepare();
    for (size_t n = 0; !cut_at(&f, TLS1_3_VERSION, n); n++) assert_true(n < 5000);
    for (size_t n = 0; !cut_at(&f, TLS1_2_VERSION, n); n += 7) assert_true(n < 5000);
    clean(&f);
}

static void a_handshake_that_comes_byte_by_byte_succeeds(void **state) {
    (void)state;
    struct fixture f = prepare();
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct peer p = peer_new(f.loop, f.server, "a.example");
        p.step = 1;
        SSL_set_max_proto_version(p.ssl, versions[i]);
        assert_true(peer_shake(&p));
        SSL_write(p.ssl, "hello", 5);
        PEER_UNTIL(&p, stream_input_len(p.ours) == 5);
        assert_true(slice_equals(stream_peek(p.ours), SLICE("hello")));
        peer_drop(&p);
    }
    clean(&f);
}

static void a_flood_of_key_updates_ends_the_connection(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct peer p = shaken(&f, TLS1_3_VERSION);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        SSL_write(p.ssl, "x", 1);
    }
    PEER_UNTIL(&p, stream_input_len(p.ours) == 5);
    assert_int_equal(stream_input_len(p.ours), 5); // a few are nobody's fault
    for (int i = 0; i < 2000; i++) {
        SSL_key_update(p.ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        SSL_do_handshake(p.ssl);
    }
    PEER_UNTIL(&p, stream_end(p.ours) != STREAM_OPEN);
    assert_int_equal(stream_end(p.ours), STREAM_FAILED);
    assert_non_null(strstr(stream_failure(p.ours), "too many handshake messages"));
    peer_drop(&p);
    clean(&f);
}

static void renegotiation_is_refused(void **state) {
    (void)state;
    struct fixture f = prepare();
    struct peer p = shaken(&f, TLS1_2_VERSION);
    SSL_renegotiate(p.ssl);
    for (int i = 0; i < 50; i++) {
        SSL_do_handshake(p.ssl);
        peer_move(&p);
    }
    assert_int_equal(SSL_total_renegotiations(p.ssl), 1); // begun, and
    assert_false(SSL_is_init_finished(p.ssl));            // never ended
    peer_drop(&p);
    clean(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_both_ways_in_either_version),
        cmocka_unit_test(a_plain_stream_has_no_tls),
        cmocka_unit_test(close_notify_ends_the_input_and_ours_follows),
        cmocka_unit_test(an_end_without_close_notify_is_a_truncation),
        cmocka_unit_test(a_large_download_arrives_whole_while_the_backlog_stays_bounded),
        cmocka_unit_test(a_large_upload_arrives_whole_while_the_input_stays_bounded),
        cmocka_unit_test(records_begin_small_grow_and_gather_small_pieces),
        cmocka_unit_test(only_plain_http_is_taken_for_it),
        cmocka_unit_test(plain_http_and_garbage_are_named_as_what_they_are),
        cmocka_unit_test(an_alert_tells_the_client_why_before_the_connection_closes),
        cmocka_unit_test(a_handshake_cut_after_any_byte_fails_in_words),
        cmocka_unit_test(a_handshake_that_comes_byte_by_byte_succeeds),
        cmocka_unit_test(a_flood_of_key_updates_ends_the_connection),
        cmocka_unit_test(renegotiation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
