// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/report.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/check.h"
#include "tls/identity.h"
#include "tls/pem.h"

#define DAY_S (24 * 3600)

struct trust {
    X509_STORE *store;
};

// One file while it is described.
struct report {
    const struct trust *trust;
    const struct pem *pem;
    X509 *leaf;
    struct text *out;
    size_t findings;
};

static void describe(struct report *r, int i);
static void describe_validity(struct report *r, const X509 *cert);
static void judge(struct report *r, int i);
static void judge_key(struct report *r);
static void judge_chain(struct report *r);
static void judge_order(struct report *r, const STACK_OF(X509) * chain);
static void judge_end(struct report *r, X509 *last);
static X509 *issuer_in_file(const struct report *r, X509 *cert);
static bool is_trusted_issuer(const struct trust *t, X509 *cert);
static void finding(struct report *r);

struct trust *trust_new(void) {
    struct trust *t = calloc(1, sizeof *t);
    CHECK(t);
    t->store = X509_STORE_new();
    CHECK(t->store);
    X509_STORE_set_default_paths(t->store);
    ERR_clear_error();
    return t;
}

void trust_free(struct trust *t) {
    if (!t) return;
    X509_STORE_free(t->store);
    free(t);
}

enum verdict report_file(const struct trust *trust, struct files *files, const char *path,
                         struct text *out) {
    struct slice content;
    char why[300];
    if (!files_read(files, path, &content, why, sizeof why)) {
        text_printf(out, "%s\n", why);
        return VERDICT_UNREADABLE;
    }
    struct pem pem;
    bool is_read = pem_read(&pem, path, content, out);
    if (is_read && sk_X509_num(pem.certificates) == 0) {
        text_printf(out, "%s: holds no certificate in PEM form\n", path);
        is_read = false;
    }
    struct report r = {.trust = trust, .pem = &pem, .out = out};
    if (is_read) {
        r.leaf = sk_X509_value(pem.certificates, 0);
        text_printf(out, "%s\n", path);
        for (int i = 0; i < sk_X509_num(pem.certificates); i++) describe(&r, i);
        judge_key(&r);
        judge_chain(&r);
        for (int i = 0; i < sk_X509_num(pem.certificates); i++) judge(&r, i);
    }
    pem_fini(&pem);
    return !is_read ? VERDICT_UNREADABLE : r.findings > 0 ? VERDICT_FINDINGS : VERDICT_GOOD;
}

static void describe(struct report *r, int i) {
    const X509 *cert = sk_X509_value(r->pem->certificates, i);
    text_printf(r->out, "  certificate %d: ", i + 1);
    certificate_add_title(r->out, cert);
    text_add(r->out, SLICE("\n    subject     "));
    certificate_add_subject(r->out, cert);
    text_add(r->out, SLICE("\n    names       "));
    certificate_add_names(r->out, cert);
    text_add(r->out, SLICE("\n    issuer      "));
    certificate_add_issuer(r->out, cert);
    if (certificate_is_self_issued(cert)) text_add(r->out, SLICE(" (itself)"));
    text_add(r->out, SLICE("\n    valid       "));
    describe_validity(r, cert);
    text_add(r->out, SLICE("\n    key         "));
    certificate_add_key(r->out, cert);
    text_add(r->out, SLICE("\n    signature   "));
    certificate_add_signature(r->out, cert);
    text_add_char(r->out, '\n');
}

static void describe_validity(struct report *r, const X509 *cert) {
    int days = 0, seconds = 0;
    certificate_add_time(r->out, X509_get0_notBefore(cert));
    text_add(r->out, SLICE(" to "));
    certificate_add_time(r->out, X509_get0_notAfter(cert));
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) == 1 && days >= 0 &&
        seconds >= 0)
        text_printf(r->out, " (%d days left)", days);
    ERR_clear_error();
}

// What is wrong with one certificate by itself.
static void judge(struct report *r, int i) {
    X509 *cert = sk_X509_value(r->pem->certificates, i);
    struct text weakness;
    text_init(&weakness, 200);
    if (certificate_is_expired(cert)) {
        finding(r);
        text_printf(r->out, "certificate %d expired on ", i + 1);
        certificate_add_time(r->out, X509_get0_notAfter(cert));
        text_add(r->out, SLICE("; renew it\n"));
    }
    if (certificate_is_too_new(cert)) {
        finding(r);
        text_printf(r->out, "certificate %d is not valid before ", i + 1);
        certificate_add_time(r->out, X509_get0_notBefore(cert));
        text_add(r->out, SLICE("; check the clock, or wait\n"));
    }
    if (certificate_is_weak(cert, &weakness)) {
        finding(r);
        text_printf(r->out, "certificate %d is too weak: %s; have it issued anew\n", i + 1,
                    text_string(&weakness));
    }
    text_fini(&weakness);
}

static void judge_key(struct report *r) {
    if (!r->pem->key) {
        text_add(r->out, SLICE("  private key   none in this file\n"));
        return;
    }
    int owner = -1, count = sk_X509_num(r->pem->certificates);
    for (int i = 0; i < count && owner < 0; i++)
        if (X509_check_private_key(sk_X509_value(r->pem->certificates, i), r->pem->key) == 1)
            owner = i;
    ERR_clear_error();
    if (owner >= 0)
        text_printf(r->out, "  private key   matches certificate %d\n", owner + 1);
    else
        text_add(r->out, SLICE("  private key   matches no certificate\n"));
    if (owner < 0) {
        finding(r);
        text_add(r->out,
                 SLICE("the private key matches no certificate of the file; put the key that the "
                       "certificate was requested with there\n"));
    } else if (owner > 0) {
        finding(r);
        text_printf(r->out, "the private key belongs to certificate %d; move that to the top\n",
                    owner + 1);
        r->leaf = sk_X509_value(r->pem->certificates, owner);
    }
    if (r->pem->key_count > 1)
        text_printf(r->out, "  note: %zu private keys; the first one is looked at\n",
                    r->pem->key_count);
}

static void judge_chain(struct report *r) {
    STACK_OF(X509) *chain = identity_order_chain(r->leaf, r->pem->certificates);
    int len = sk_X509_num(chain);
    text_add(r->out, SLICE("  chain         "));
    certificate_add_title(r->out, r->leaf);
    for (int i = 0; i < len; i++) {
        text_add(r->out, SLICE(" <- "));
        certificate_add_title(r->out, sk_X509_value(chain, i));
    }
    text_add_char(r->out, '\n');
    judge_order(r, chain);
    judge_end(r, len > 0 ? sk_X509_value(chain, len - 1) : r->leaf);
    sk_X509_pop_free(chain, X509_free);
}

static void judge_order(struct report *r, const STACK_OF(X509) * chain) {
    int len = sk_X509_num(chain), unused = 0, at = 0;
    bool is_ordered = true;
    for (int i = 0; i < sk_X509_num(r->pem->certificates); i++) {
        const X509 *cert = sk_X509_value(r->pem->certificates, i);
        int place = 0;
        if (cert == r->leaf || certificate_is_self_issued(cert)) continue;
        while (place < len && sk_X509_value(chain, place) != cert) place++;
        if (place == len) {
            unused++;
        } else {
            is_ordered = is_ordered && place == at;
            at++;
        }
    }
    if (!is_ordered) {
        finding(r);
        text_add(
            r->out,
            SLICE("the certificates of the chain are not in order; put each one's issuer directly "
                  "after it, as the line \"chain\" has them\n"));
    }
    if (unused > 0)
        text_printf(r->out, "  note: %d certificate%s not part of this chain\n", unused,
                    unused == 1 ? " is" : "s are");
}

// Where the chain stops: at a root in the file, at a root of the system, or too early.
static void judge_end(struct report *r, X509 *last) {
    if (is_trusted_issuer(r->trust, last)) {
        text_add(r->out,
                 SLICE("  note: complete; its root is among this system's CA certificates\n"));
    } else if (certificate_is_self_issued(last)) {
        text_add(r->out, SLICE("  note: the certificate is self-signed; only clients that were "
                               "given it trust it\n"));
    } else if (issuer_in_file(r, last)) {
        text_add(r->out,
                 SLICE("  note: complete; its root is in the file, but not among this system's CA "
                       "certificates\n"));
    } else {
        finding(r);
        text_add(r->out, SLICE("the chain is not complete: "));
        certificate_add_issuer(r->out, last);
        text_add(
            r->out,
            SLICE(", the issuer of its end, is neither in the file nor among this system's CA "
                  "certificates; add the intermediate certificates that the issuer gave you\n"));
    }
}

static X509 *issuer_in_file(const struct report *r, X509 *cert) {
    for (int i = 0; i < sk_X509_num(r->pem->certificates); i++) {
        X509 *candidate = sk_X509_value(r->pem->certificates, i);
        if (candidate == cert || X509_check_issued(candidate, cert) != X509_V_OK) continue;
        if (X509_verify(cert, X509_get0_pubkey(candidate)) == 1) return candidate;
    }
    ERR_clear_error();
    return NULL;
}

static bool is_trusted_issuer(const struct trust *t, X509 *cert) {
    X509_STORE_CTX *search = X509_STORE_CTX_new();
    X509 *issuer = NULL;
    CHECK(search && X509_STORE_CTX_init(search, t->store, cert, NULL) == 1);
    bool is_found = X509_STORE_CTX_get1_issuer(&issuer, search, cert) == 1 &&
                    X509_verify(cert, X509_get0_pubkey(issuer)) == 1;
    X509_free(issuer);
    X509_STORE_CTX_free(search);
    ERR_clear_error();
    return is_found;
}

static void finding(struct report *r) {
    r->findings++;
    text_add(r->out, SLICE("  finding: "));
}
