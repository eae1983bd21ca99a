// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "certcheck/target.h"
#include "core/check.h"
#include "tests/unit/forked_server.h"
#include "tests/unit/test_certs.h"

// A server in a process of its own: says and expects what its script has, then speaks TLS.

#define STEPS_MAX 8

struct step {
    struct slice said;     // by the server
    struct slice expected; // from the client after that, to the byte
};
struct dialect {
    const char *name;
    struct step steps[STEPS_MAX];
};
#define STEP(said, expected)                                                                       \
    { SLICE_INIT(said), SLICE_INIT(expected) }
#define XMPP_OPENING                                                                               \
    "<?xml version='1.0'?><stream:stream to='127.0.0.1' xmlns='jabber:client' version='1.0' "      \
    "xmlns:stream='http://etherx.jabber.org/streams'>"
#define XMPP_SERVER_OPENING                                                                        \
    "<?xml version='1.0'?><stream:stream to='127.0.0.1' xmlns='jabber:server' version='1.0' "      \
    "xmlns:stream='http://etherx.jabber.org/streams'>"
// 62 bytes, number 0: version 10, its own, thread, random and NUL, abilities with SSL in the first two bytes
#define MYSQL_GREETING                                                                             \
    "\x20\x00\x00\x00\x0a"                                                                         \
    "10.11.6\x00"                                                                                  \
    "\x01\x00\x00\x00"                                                                             \
    "abcdefgh\x00"                                                                                 \
    "\xfe\xff\x21\x02\x00\xff\x81\x15\x00\x00"
#define XMPP_FEATURES                                                                              \
    "<?xml version='1.0'?><stream:stream from='a' id='1' version='1.0'><stream:features>"          \
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"

static const struct dialect dialects[] = {
    {"smtp",
     {STEP("220-mail.example\r\n220 ready\r\n", "EHLO rsp-certcheck.invalid\r\n"),
      STEP("250-mail.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n", "STARTTLS\r\n"),
      STEP("220 go ahead\r\n", "")}},
    {"lmtp",
     {STEP("220 ready\r\n", "LHLO rsp-certcheck.invalid\r\n"),
      STEP("250-mail.example\r\n250-STARTTLS\r\n250 SIZE\r\n", "STARTTLS\r\n"),
      STEP("220 go ahead\r\n", "")}},
    {"sieve",
     {STEP("\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\n\"SIEVE\" \"vacation\"\r\nOK\r\n",
           "STARTTLS\r\n"),
      STEP("OK begin\r\n", "")}},
    {"nntp", {STEP("201 no posting\r\n", "STARTTLS\r\n"), STEP("382 begin\r\n", "")}},
    {"imap",
     {STEP("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", "a STARTTLS\r\n"),
      STEP("* 3 EXISTS\r\na OK begin\r\n", "")}},
    {"pop3", {STEP("+OK ready\r\n", "STLS\r\n"), STEP("+OK begin\r\n", "")}},
    {"ftp",
     {STEP("220-welcome\r\n to the server\r\n220 ready\r\n", "AUTH TLS\r\n"),
      STEP("234 begin\r\n", "")}},
    {"ldap",
     {STEP("", "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
               "1.3.6.1.4.1.1466.20037"),
      STEP("\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "")}},
    {"postgres", {STEP("", "\x00\x00\x00\x08\x04\xd2\x16\x2f"), STEP("S", "")}},
    {"mysql",
     {STEP(MYSQL_GREETING, "\x20\x00\x00\x01\x00\x8a\x00\x00\x00\x00\x00\x01\x21"
                           "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                           "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")}},
    {"xmpp-server",
     {STEP("", XMPP_SERVER_OPENING),
      STEP(XMPP_FEATURES, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
      STEP("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "")}},
    {"xmpp",
     {STEP("", XMPP_OPENING),
      STEP(XMPP_FEATURES, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
      STEP("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "")}},
};
#define DIALECTS (sizeof dialects / sizeof *dialects)

static struct made_cert root, intermediate, rsa, ecdsa, old_root, old;

static int make_certs(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    root = make_cert(&(struct cert_recipe){.subject = "Root", .is_ca = true});
    intermediate =
        make_cert(&(struct cert_recipe){.subject = "Int", .issuer = &root, .is_ca = true});
    rsa = make_cert(&(struct cert_recipe){
        .subject = "rsa", .names = "DNS:a.example", .issuer = &intermediate, .key = "RSA2048"});
    ecdsa = make_cert(
        &(struct cert_recipe){.subject = "ec", .names = "DNS:a.example", .issuer = &intermediate});
    old_root = make_cert(
        &(struct cert_recipe){.subject = "Old", .key = "RSA2048", .digest = "SHA1", .is_ca = true});
    old = make_cert(&(struct cert_recipe){
        .subject = "old", .issuer = &old_root, .key = "RSA2048", .digest = "SHA1"});
    return 0;
}

static int drop_certs(void **state) {
    struct made_cert *all[] = {&old, &old_root, &ecdsa, &rsa, &intermediate, &root};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) drop_cert(all[i]);
    return 0;
}

static bool expect_bytes(int fd, struct slice expected) {
    char got[500];
    size_t len = 0;
    while (len < expected.len) {
        ssize_t n = recv(fd, got + len, expected.len - len, 0);
        if (n <= 0) return false;
        len += (size_t)n;
    }
    return memcmp(got, expected.at, len) == 0;
}

// All of the script, or so many bytes of what the server says: then it is cut. True: all was said and heard.
static bool play(int fd, const struct dialect *d, size_t bytes_max) {
    for (const struct step *s = d->steps; s->said.len + s->expected.len > 0; s++) {
        struct slice said = {s->said.at, s->said.len < bytes_max ? s->said.len : bytes_max};
        if (!server_send(fd, said) || said.len < s->said.len || !expect_bytes(fd, s->expected))
            return false;
        bytes_max -= said.len;
    }
    return true;
}

static void use(SSL_CTX *c, const struct made_cert *leaf, const struct made_cert *const *chain) {
    STACK_OF(X509) *certs = sk_X509_new_null();
    for (; *chain; chain++) CHECK(sk_X509_push(certs, (*chain)->cert) > 0);
    CHECK(SSL_CTX_use_cert_and_key(c, leaf->cert, leaf->key, certs, 1) == 1);
    sk_X509_free(certs);
}

static void shake_hands(int fd, SSL_CTX *c) {
    SSL *ssl = SSL_new(c);
    char byte;
    CHECK(SSL_set_fd(ssl, fd) == 1);
    if (SSL_accept(ssl) == 1) SSL_read(ssl, &byte, 1);
    SSL_free(ssl);
}

static SSL_CTX *new_server(void) {
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    CHECK(c && SSL_CTX_set_cipher_list(c, "DEFAULT:@SECLEVEL=0") == 1);
    CHECK(SSL_CTX_set_min_proto_version(c, TLS1_VERSION) == 1);
    SSL_CTX_set_mode(c, SSL_MODE_NO_AUTO_CHAIN);
    return c;
}

static struct targets *ask(const struct server *s, const struct target_conf *conf) {
    char word[40];
    struct targets *t = targets_new(conf);
    snprintf(word, sizeof word, "127.0.0.1:%d", s->port);
    targets_add(t, word);
    return t;
}

static void says(const struct targets *t, const char *words) {
    assert_int_equal(targets_count(t), 1);
    struct target *one = targets_at(t, 0);
    assert_int_equal(one->kind, TARGET_LIVE);
    assert_int_equal(sk_X509_num(one->sent), 0);
    if (!strstr(text_string(&one->problems), words))
        fail_msg("no \"%s\" in: %s", words, text_string(&one->problems));
}

// --- TLS from the first byte ---

static void serve_two(int fd, int number, const void *what) {
    SSL_CTX *c = new_server();
    (void)number, (void)what;
    use(c, &rsa, (const struct made_cert *[]){&root, &intermediate, &rsa, NULL});
    use(c, &ecdsa, (const struct made_cert *[]){NULL});
    shake_hands(fd, c);
    SSL_CTX_free(c);
}

static void every_chain_of_a_server_is_seen_as_it_was_sent(void **state) {
    const X509 *order[] = {rsa.cert, root.cert, intermediate.cert, rsa.cert};
    struct server s = server_start(serve_two, NULL);
    struct target_conf conf = {.sni = "A.example", .timeout_ms = 5000};
    struct targets *t = ask(&s, &conf);
    (void)state;
    assert_int_equal(targets_count(t), 2);
    struct target *first = targets_at(t, 0), *second = targets_at(t, 1);
    assert_non_null(strstr(first->name, " (ECDSA)"));
    assert_non_null(strstr(second->name, " (RSA)"));
    assert_int_equal(sk_X509_num(first->sent), 1);
    assert_int_equal(X509_cmp(sk_X509_value(first->sent, 0), ecdsa.cert), 0);
    assert_int_equal(sk_X509_num(second->sent), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(X509_cmp(sk_X509_value(second->sent, i), order[i]), 0);
    assert_string_equal(first->live.tls_version, "TLSv1.3");
    assert_string_equal(first->live.sni, "a.example");
    assert_string_equal(first->live.signature, "ECDSA+SHA256");
    assert_non_null(strstr(first->live.probes, "default, ECDSA"));
    assert_non_null(strstr(second->live.signature, "RSA-PSS+SHA256"));
    assert_int_equal(first->host_count, 1);
    assert_string_equal(first->hosts[0], "a.example");
    assert_int_equal(first->problems.len + second->problems.len, 0);
    targets_free(t);
    server_stop(&s);
}

static void serve_old(int fd, int number, const void *what) {
    SSL_CTX *c = new_server();
    (void)number, (void)what;
    use(c, &old, (const struct made_cert *[]){&old_root, NULL});
    CHECK(SSL_CTX_set_max_proto_version(c, TLS1_VERSION) == 1);
    shake_hands(fd, c);
    SSL_CTX_free(c);
}

static void a_server_that_only_speaks_tls_1_0_with_sha_1_is_seen(void **state) {
    struct server s = server_start(serve_old, NULL);
    struct target_conf conf = {.timeout_ms = 5000};
    struct targets *t = ask(&s, &conf);
    (void)state;
    assert_int_equal(targets_count(t), 1);
    assert_int_equal(sk_X509_num(targets_at(t, 0)->sent), 2);
    assert_string_equal(targets_at(t, 0)->live.tls_version, "TLSv1");
    assert_string_equal(targets_at(t, 0)->hosts[0], "127.0.0.1");
    targets_free(t);
    server_stop(&s);
}

// The server wants the client's certificate and ends the handshake without it.
static void serve_mutual(int fd, int number, const void *what) {
    SSL_CTX *c = new_server();
    (void)number, (void)what;
    use(c, &rsa, (const struct made_cert *[]){&intermediate, NULL});
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    CHECK(SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION) == 1);
    shake_hands(fd, c);
    SSL_CTX_free(c);
}

static void certificates_of_a_handshake_that_fails_later_are_kept(void **state) {
    struct server s = server_start(serve_mutual, NULL);
    struct target_conf conf = {.timeout_ms = 5000};
    struct targets *t = ask(&s, &conf);
    (void)state;
    assert_int_equal(targets_count(t), 1);
    assert_int_equal(sk_X509_num(targets_at(t, 0)->sent), 2);
    assert_int_equal(targets_at(t, 0)->problems.len, 0);
    targets_free(t);
    server_stop(&s);
}

// --- STARTTLS ---

static void serve_dialect(int fd, int number, const void *what) {
    (void)number;
    if (play(fd, what, SIZE_MAX)) serve_two(fd, number, NULL);
}

static void each_dialect_leads_to_tls(void **state) {
    (void)state;
    for (size_t i = 0; i < DIALECTS; i++) {
        struct server s = server_start(serve_dialect, &dialects[i]);
        struct target_conf conf = {.starttls = dialects[i].name, .timeout_ms = 5000};
        struct targets *t = ask(&s, &conf);
        if (targets_count(t) != 2)
            fail_msg("%s: %s", dialects[i].name, text_string(&targets_at(t, 0)->problems));
        assert_string_equal(targets_at(t, 0)->live.starttls, dialects[i].name);
        targets_free(t);
        server_stop(&s);
    }
}

static void serve_cut(int fd, int number, const void *what) {
    if (play(fd, what, (size_t)number)) serve_two(fd, number, NULL);
}

// The connection with number n is cut after n bytes of what the server says; one try is one connection.
static void a_dialect_that_is_cut_at_any_byte_is_said(void **state) {
    (void)state;
    for (size_t i = 0; i < DIALECTS; i++) {
        size_t bytes = 0;
        struct server s = server_start(serve_cut, &dialects[i]);
        struct target_conf conf = {.starttls = dialects[i].name, .timeout_ms = 5000};
        for (const struct step *step = dialects[i].steps; step->said.at; step++)
            bytes += step->said.len;
        for (size_t cut = 0; cut < bytes; cut++) {
            struct targets *t = ask(&s, &conf);
            says(t, "STARTTLS (");
            targets_free(t);
        }
        server_stop(&s);
    }
}

static void serve_text(int fd, int number, const void *what) {
    const struct slice *text = what;
    (void)number;
    while (server_send(fd, *text) && text->len > 1) {}
    char byte;
    while (recv(fd, &byte, 1, 0) == 1) {}
}

static void endless_and_foreign_words_are_said_and_end(void **state) {
    static const struct {
        const char *starttls;
        struct slice text; // again and again
        const char *said;
    } cases[] = {
        {"smtp", SLICE_INIT("220-more\r\n"), "does not come to the point"},
        {"imap", SLICE_INIT("* OK more\r\n"), "does not come to the point"},
        {"ftp", SLICE_INIT("220-more\r\n"), "does not come to the point"},
        {"smtp", SLICE_INIT("220-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), "a line of more than"},
        {"xmpp", SLICE_INIT("<stream:features>......."), "a line of more than"},
        {"smtp", SLICE_INIT("HTTP/1.1 400 Bad \x1b[31m\r\n"), "says: \"HTTP/1.1 400 Bad ?[31m\""},
        {"pop3", SLICE_INIT("-ERR go away\r\n"), "says: \"-ERR go away\""},
        {"ldap", SLICE_INIT("HTTP/1.1 400\r\n"), "no LDAP answer"},
        {"postgres", SLICE_INIT("N"), "does not offer it"},
        {"postgres", SLICE_INIT("E"), "no answer of PostgreSQL"},
        {"imap", SLICE_INIT("* BYE\r\n"), "says: \"* BYE\""},
        {"sieve", SLICE_INIT("\"SASL\" \"PLAIN\"\r\n"), "does not come to the point"},
        {"sieve", SLICE_INIT("\"SASL\" \"\"\r\nOK\r\n"), "does not offer it"},
        {"sieve", SLICE_INIT("BYE\r\n"), "says: \"BYE\""},
        {"nntp", SLICE_INIT("502 no\r\n"), "says: \"502 no\""},
        {"mysql", SLICE_INIT("HTTP/1.1 400\r\n"), "no greeting of MySQL"},
        {"mysql", SLICE_INIT("\x00\x00\x00\x00"), "no greeting of MySQL"},
        {"mysql",
         SLICE_INIT("\x04\x00\x00\x00\x0a"
                    "5.6"),
         "no greeting of MySQL"},
        {"mysql", SLICE_INIT("\x07\x00\x00\x00\xff\x6a\x04Host"), "says: \"Host\""},
        {"mysql",
         SLICE_INIT("\x13\x00\x00\x00\x0a"
                    "5\x00"
                    "\x01\x00\x00\x00"
                    "abcdefgh\x00\xfe\xf7\x00"),
         "does not offer it"},
        {"ldap", SLICE_INIT("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"),
         "refuses (result code 52)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server s = server_start(serve_text, &cases[i].text);
        struct target_conf conf = {.starttls = cases[i].starttls, .timeout_ms = 5000};
        struct targets *t = ask(&s, &conf);
        says(t, cases[i].said);
        targets_free(t);
        server_stop(&s);
    }
}

static void serve_injected(int fd, int number, const void *what) {
    static const struct dialect injected = {
        "pop3", {STEP("+OK ready\r\n", "STLS\r\n"), STEP("+OK begin\r\n+OK and more\r\n", "")}};
    (void)what;
    if (play(fd, &injected, SIZE_MAX)) serve_two(fd, number, NULL);
}

static void plain_text_after_the_agreement_is_refused(void **state) {
    struct server s = server_start(serve_injected, NULL);
    struct target_conf conf = {.starttls = "pop3", .timeout_ms = 5000};
    struct targets *t = ask(&s, &conf);
    (void)state;
    says(t, "14 bytes came in plain text after the agreement");
    targets_free(t);
    server_stop(&s);
}

// --- no TLS at all ---

static void serve_nothing(int fd, int number, const void *what) {
    char byte;
    (void)what;
    if (number > 0) _exit(2); // asked once more
    while (recv(fd, &byte, 1, 0) == 1) {}
}

static void a_silent_server_is_waited_for_once(void **state) {
    static const char *const protocols[] = {NULL, "smtp"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server s = server_start(serve_nothing, NULL);
        struct target_conf conf = {.starttls = protocols[i], .timeout_ms = 200};
        struct targets *t = ask(&s, &conf);
        says(t, "no answer in time");
        assert_int_equal(waitpid(s.pid, NULL, WNOHANG), 0);
        targets_free(t);
        server_stop(&s);
    }
}

// Each handshake is well within the time, all of them are not.
static void serve_slowly(int fd, int number, const void *what) {
    usleep(250000);
    serve_two(fd, number, what);
}

static void the_time_of_a_target_bounds_all_its_probes(void **state) {
    struct server s = server_start(serve_slowly, NULL);
    struct target_conf conf = {.timeout_ms = 400};
    struct targets *t = ask(&s, &conf);
    (void)state;
    assert_int_equal(targets_count(t), 1);
    assert_non_null(strstr(targets_at(t, 0)->live.probes, "default"));
    assert_non_null(strstr(targets_at(t, 0)->live.unasked, "EdDSA, legacy, TLS 1.0"));
    targets_free(t);
    server_stop(&s);
}

// A byte now and then, for as long as anybody listens.
static void serve_drops(int fd, int number, const void *what) {
    const struct slice *begin = what;
    (void)number;
    if (!server_send(fd, *begin)) return;
    while (server_send(fd, SLICE("2"))) usleep(50000);
}

static void a_server_that_drips_has_the_same_time(void **state) {
    static const struct {
        const char *starttls;
        struct slice begin;
    } cases[] = {{NULL, SLICE_INIT("\x16\x03\x03\x40\x00")}, // a record of 16 KiB
                 {"smtp", SLICE_INIT("220-")},
                 {"ldap", SLICE_INIT("\x30\x82\x07\xff")},
                 {"mysql", SLICE_INIT("\xff\x07\x00\x00\x0a")},
                 {"xmpp", SLICE_INIT("<stream:stream>")}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server s = server_start(serve_drops, &cases[i].begin);
        struct target_conf conf = {.starttls = cases[i].starttls, .timeout_ms = 300};
        struct targets *t = ask(&s, &conf);
        says(t, "no answer in time");
        targets_free(t);
        server_stop(&s);
    }
}

// Whom others wait for: a byte in a pipe says that it was asked.
static int asked[2];

static void serve_and_tell(int fd, int number, const void *what) {
    if (number == 0) CHECK(write(asked[1], "x", 1) == 1);
    serve_two(fd, number, what);
}

static void serve_when_told(int fd, int number, const void *what) {
    char byte;
    if (number == 0) CHECK(read(asked[0], &byte, 1) == 1);
    serve_two(fd, number, what);
}

// The first server says nothing until the last one was asked.
static void servers_are_asked_at_the_same_time_and_said_in_order(void **state) {
    char words[4][40] = {"", "nobody.pem", "127.0.0.1:1", ""};
    char *const all[] = {words[0], words[1], words[2], words[3]};
    struct target_conf conf = {.sni = "a.example", .timeout_ms = 15000};
    (void)state;
    CHECK(pipe(asked) == 0);
    struct server first = server_start(serve_when_told, NULL);
    struct server last = server_start(serve_and_tell, NULL);
    snprintf(words[0], sizeof words[0], "127.0.0.1:%d", first.port);
    snprintf(words[3], sizeof words[3], "127.0.0.1:%d", last.port);
    struct targets *t = targets_new(&conf);
    targets_add_all(t, all, 4);
    assert_int_equal(targets_count(t), 6);
    for (size_t i = 0; i < 6; i++) {
        struct target *one = targets_at(t, i);
        bool is_good = i < 2 || i > 3;
        const char *kind = i % 2 == 0 ? " (ECDSA)" : " (RSA)", *word = words[i < 2 ? 0 : 3];
        assert_int_equal(one->problems.len > 0, !is_good);
        assert_int_equal(sk_X509_num(one->sent), is_good ? (i % 2 == 0 ? 1 : 4) : 0);
        if (!is_good) continue;
        assert_int_equal(strncmp(one->name, word, strlen(word)), 0);
        assert_string_equal(one->name + strlen(word), kind);
        assert_string_equal(one->hosts[0], "a.example");
        assert_string_equal(one->live.tls_version, "TLSv1.3");
        assert_null(one->live.starttls);
    }
    assert_string_equal(targets_at(t, 2)->name, "nobody.pem");
    assert_non_null(strstr(text_string(&targets_at(t, 3)->problems), "Connection refused"));
    targets_free(t);
    server_stop(&first);
    server_stop(&last);
    close(asked[0]);
    close(asked[1]);
}

static void garbage_in_place_of_tls_is_said(void **state) {
    static const struct slice garbage = SLICE_INIT("SSH-2.0-OpenSSH_9.2\r\n");
    struct server s = server_start(serve_text, &garbage);
    struct target_conf conf = {.timeout_ms = 5000};
    struct targets *t = ask(&s, &conf);
    (void)state;
    says(t, "what came is not TLS");
    targets_free(t);
    server_stop(&s);
}

static void where_nobody_listens_is_said(void **state) {
    struct server s = server_start(serve_nothing, NULL);
    struct target_conf conf = {.timeout_ms = 5000};
    (void)state;
    server_stop(&s);
    struct targets *t = ask(&s, &conf);
    says(t, "Connection refused");
    targets_free(t);
}

static void what_is_wrong_with_a_word_is_said(void **state) {
    static const struct {
        const char *word, *said;
    } cases[] = {
        {"a.example:99999", "the port is no number from 1 to 65535"},
        {"a.example:0", "the port is no number from 1 to 65535"},
        {"a.example:", "the port is no number from 1 to 65535"},
        {"a.example:44x", "the port is no number from 1 to 65535"},
        {"https://a.example:/", "the port is no number from 1 to 65535"},
        {":443", "there is no host"},
        {"https://", "there is no host"},
        {"[::1", "a '[' without its ']'"},
        {"[::1]443", "only :PORT may follow the ']'"},
        {"two words", "no host can have this name"},
        {"a..example", "no host can have this name"},
        {"*.example", "no host can have this name"},
        {"\033[31m", "?[31m: there is no such file"},
        {"none.pem", "No such file or directory"},
        {"no/such/file", "No such file or directory"},
        {"-x", "No such file or directory"},
    };
    struct target_conf conf = {.timeout_ms = 200};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct targets *t = targets_new(&conf);
        targets_add(t, cases[i].word);
        assert_int_equal(targets_count(t), 1);
        if (!strstr(text_string(&targets_at(t, 0)->problems), cases[i].said))
            fail_msg("%s: %s", cases[i].word, text_string(&targets_at(t, 0)->problems));
        targets_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chain_of_a_server_is_seen_as_it_was_sent),
        cmocka_unit_test(a_server_that_only_speaks_tls_1_0_with_sha_1_is_seen),
        cmocka_unit_test(certificates_of_a_handshake_that_fails_later_are_kept),
        cmocka_unit_test(each_dialect_leads_to_tls),
        cmocka_unit_test(a_dialect_that_is_cut_at_any_byte_is_said),
        cmocka_unit_test(endless_and_foreign_words_are_said_and_end),
        cmocka_unit_test(plain_text_after_the_agreement_is_refused),
        cmocka_unit_test(a_silent_server_is_waited_for_once),
        cmocka_unit_test(garbage_in_place_of_tls_is_said),
        cmocka_unit_test(where_nobody_listens_is_said),
        cmocka_unit_test(what_is_wrong_with_a_word_is_said),
        cmocka_unit_test(servers_are_asked_at_the_same_time_and_said_in_order),
        cmocka_unit_test(a_server_that_drips_has_the_same_time),
        cmocka_unit_test(the_time_of_a_target_bounds_all_its_probes),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
