// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/identity.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "core/check.h"
#include "core/log.h"
#include "tls/chain/load.h"
#include "tls/chain/serve.h"
#include "tls/chains.h"

#define WHY_BYTES_MAX             1000
#define NOTES_BYTES_MAX           4000
#define PROBLEMS_BYTES_MAX        16000
#define IDENTITY_CERTIFICATES_MAX 100 // of a file

static bool load(struct identity *id, struct files *files, const struct tls_identity_conf *conf,
                 struct text *problems);
static bool read_files(struct identity *id, struct files *files,
                       const struct tls_identity_conf *conf, struct bundle *file,
                       struct text *problems);
static bool load_bundle(struct bundle *b, const char *path, struct slice content, unsigned wanted,
                        struct text *problems);
static bool read_key_file(struct files *files, const char *path, struct bundle *file,
                          struct text *problems);
static void take_names(struct identity *id);
static bool is_fit(struct identity *id, const struct bundle *file,
                   const struct tls_identity_conf *conf, struct text *why);
static bool has_its_key(const struct identity *id, const struct bundle *file, const char *key_path,
                        struct text *why);
static bool is_in_time(const X509 *cert, struct text *why);
static bool is_strong(const struct identity *id, struct text *why);
static bool is_chain_in_time(const struct identity *id, struct text *why);
static STACK_OF(X509) * complete_chain(const struct identity *id, const struct bundle *file,
                                       const struct tls_chains *chains);
static void note_chain(struct identity *id, const struct bundle *file,
                       const struct tls_chains *chains);
static int note_added(struct identity *id, const struct bundle *file,
                      const struct tls_chains *chains);
static X509 *issuer_of(X509 *cert, const STACK_OF(X509) * pool, const STACK_OF(X509) * used);
static bool has(const STACK_OF(X509) * certs, const X509 *cert);
static int merit_of(const X509 *cert);

bool identity_load(struct identity *id, struct files *files, const struct tls_identity_conf *conf,
                   struct text *problems) {
    struct text said;
    text_init(&said, PROBLEMS_BYTES_MAX);
    bool is_good = load(id, files, conf, &said);
    text_add_lines(problems, conf->label, text_slice(&said));
    text_fini(&said);
    return is_good;
}

static bool load(struct identity *id, struct files *files, const struct tls_identity_conf *conf,
                 struct text *problems) {
    struct bundle file = {0};
    struct text why;
    *id = (struct identity){.path = strdup(conf->cert), .kind = KEY_OTHER};
    CHECK(id->path);
    text_init(&id->notes, NOTES_BYTES_MAX);
    text_init(&why, WHY_BYTES_MAX);
    bool is_read = read_files(id, files, conf, &file, problems);
    bool is_good = is_read && is_fit(id, &file, conf, &why);
    if (is_good) note_chain(id, &file, conf->chains);
    if (is_read && !is_good) text_printf(problems, "%s: %s\n", conf->cert, text_string(&why));
    text_fini(&why);
    bundle_fini(&file);
    ERR_clear_error();
    return is_good;
}

void identity_log_notes(const struct identity *id) {
    struct slice notes = text_slice(&id->notes);
    while (notes.len > 0) {
        struct slice note = slice_cut(&notes, '\n');
        if (id->is_weak)
            log_warn("%.*s", SLICE_ARGS(note));
        else
            log_info("%.*s", SLICE_ARGS(note));
    }
}

void identity_fini(struct identity *id) {
    for (size_t i = 0; i < id->name_count; i++) free(id->names[i]);
    free(id->names);
    free(id->path);
    X509_free(id->leaf);
    EVP_PKEY_free(id->key);
    sk_X509_pop_free(id->chain, X509_free);
    text_fini(&id->notes);
    *id = (struct identity){0};
}

static bool read_files(struct identity *id, struct files *files,
                       const struct tls_identity_conf *conf, struct bundle *file,
                       struct text *problems) {
    struct slice content;
    char why[300];
    if (!files_read(files, conf->cert, &content, why, sizeof why)) {
        text_printf(problems, "%s; put the certificate there or correct its name\n", why);
        return false;
    }
    bool is_whole = load_bundle(file, conf->cert, content, LOAD_CERTIFICATES | LOAD_KEYS, problems);
    id->leaf = sk_X509_value(file->certificates, 0);
    if (id->leaf) {
        X509_up_ref(id->leaf);
        take_names(id);
    }
    return is_whole && (!conf->key || read_key_file(files, conf->key, file, problems));
}

// What is damaged in it must not be guessed at: a chain with a hole is not served.
static bool load_bundle(struct bundle *b, const char *path, struct slice content, unsigned wanted,
                        struct text *problems) {
    struct load_conf conf = {
        .path = path, .wanted = wanted, .certificates_max = IDENTITY_CERTIFICATES_MAX};
    return bundle_load(b, content, &conf, problems) == 0;
}

// A key file that is named wins over a key beside the certificate.
static bool read_key_file(struct files *files, const char *path, struct bundle *file,
                          struct text *problems) {
    struct slice content;
    struct bundle other;
    char why[300];
    if (!files_read(files, path, &content, why, sizeof why)) {
        text_printf(problems, "%s; put the private key there or correct its name\n", why);
        return false;
    }
    bool is_good = load_bundle(&other, path, content, LOAD_KEYS, problems);
    EVP_PKEY_free(file->key);
    file->key = other.key;
    file->key_count = other.key_count;
    other.key = NULL;
    bundle_fini(&other);
    return is_good;
}

static void add_name(void *arg, struct slice name) {
    struct identity *id = arg;
    char **grown = realloc(id->names, (id->name_count + 1) * sizeof *grown);
    CHECK(grown);
    id->names = grown;
    id->names[id->name_count] = strndup(name.at, name.len);
    CHECK(id->names[id->name_count]);
    id->name_count++;
}

static void take_names(struct identity *id) {
    certificate_each_name(id->leaf, add_name, id);
}

// May it be served? `why` is the first objection with its remedy.
static bool is_fit(struct identity *id, const struct bundle *file,
                   const struct tls_identity_conf *conf, struct text *why) {
    const char *key_path = conf->key ? conf->key : conf->cert;
    if (!id->leaf) {
        text_add(
            why,
            SLICE("holds no certificate; put it there in PEM form (-----BEGIN CERTIFICATE-----)"));
        return false;
    }
    id->kind = certificate_key_kind(id->leaf);
    if (!has_its_key(id, file, key_path, why) || !is_in_time(id->leaf, why)) return false;
    if (id->kind == KEY_OTHER) {
        text_add(why, SLICE("the kind of its key is not supported; use RSA, ECDSA or Ed25519"));
        return false;
    }
    id->key = file->key;
    EVP_PKEY_up_ref(id->key);
    id->chain = complete_chain(id, file, conf->chains);
    id->is_weak = !is_strong(id, why);
    if (id->is_weak && !conf->allows_weak) return false;
    if (id->is_weak)
        text_printf(&id->notes, "%s: %s; served all the same (weak = \"warn\")\n", conf->cert,
                    text_string(why));
    text_clear(why);
    return is_chain_in_time(id, why);
}

static bool has_its_key(const struct identity *id, const struct bundle *file, const char *key_path,
                        struct text *why) {
    if (!file->key) {
        text_printf(why, "there is no private key for the certificate ");
        certificate_add_title(why, id->leaf);
        text_printf(why, " in %s; add it or name its file as key", key_path);
        return false;
    }
    if (X509_check_private_key(id->leaf, file->key) == 1) return true;
    ERR_clear_error();
    for (int i = 1; i < sk_X509_num(file->certificates); i++) {
        const X509 *other = sk_X509_value(file->certificates, i);
        if (X509_check_private_key(other, file->key) != 1) continue;
        text_add(why, SLICE("the certificate of the private key, "));
        certificate_add_title(why, other);
        text_printf(why, ", is number %d in the file; move it to the top", i + 1);
        return false;
    }
    text_add(why, SLICE("the private key does not match the certificate "));
    certificate_add_title(why, id->leaf);
    text_printf(why, "; put the key that the certificate was requested with into %s",
                strcmp(key_path, id->path) == 0 ? "the file" : key_path);
    return false;
}

static bool is_in_time(const X509 *cert, struct text *why) {
    bool is_late = certificate_is_expired(cert);
    if (!is_late && !certificate_is_too_new(cert)) return true;
    text_add(why, SLICE("the certificate "));
    certificate_add_title(why, cert);
    text_add(why, is_late ? SLICE(" expired on ") : SLICE(" is not valid before "));
    certificate_add_time(why, is_late ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert));
    text_add(why, is_late ? SLICE("; renew it") : SLICE("; check this machine's clock"));
    return false;
}

static bool is_strong(const struct identity *id, struct text *why) {
    for (int i = -1; i < sk_X509_num(id->chain); i++) {
        const X509 *cert = i < 0 ? id->leaf : sk_X509_value(id->chain, i);
        struct text weakness;
        text_init(&weakness, 200);
        bool is_weak = certificate_is_weak(cert, &weakness);
        if (is_weak) {
            text_add(why,
                     i < 0 ? SLICE("the certificate ") : SLICE("the intermediate certificate "));
            certificate_add_title(why, cert);
            text_printf(why, " is too weak: %s; %s", text_string(&weakness),
                        i < 0 ? "have it issued anew with SHA-256 and RSA 2048 or P-256"
                              : "ask the issuer for a chain without it");
        }
        text_fini(&weakness);
        if (is_weak) return false;
    }
    return true;
}

// An expired intermediate is as useless as an expired leaf.
static bool is_chain_in_time(const struct identity *id, struct text *why) {
    for (int i = 0; i < sk_X509_num(id->chain); i++)
        if (!is_in_time(sk_X509_value(id->chain, i), why)) return false;
    return true;
}

static STACK_OF(X509) * complete_chain(const struct identity *id, const struct bundle *file,
                                       const struct tls_chains *chains) {
    STACK_OF(X509) *pool = X509_chain_up_ref(file->certificates);
    CHECK(pool);
    chains_complete(chains, pool);
    STACK_OF(X509) *chain = identity_order_chain(id->leaf, pool);
    sk_X509_pop_free(pool, X509_free);
    return chain;
}

// Says where what is sent differs from what the file holds.
static void note_chain(struct identity *id, const struct bundle *file,
                       const struct tls_chains *chains) {
    int sent = sk_X509_num(id->chain) - note_added(id, file, chains);
    int rest = sk_X509_num(file->certificates) - 1;
    for (int i = 0, at = 0; i < sk_X509_num(id->chain); i++) {
        const X509 *cert = sk_X509_value(id->chain, i);
        if (!has(file->certificates, cert)) continue;
        at++;
        if (X509_cmp(cert, sk_X509_value(file->certificates, at)) == 0) continue;
        text_printf(&id->notes, "%s: the chain was not in order; it is sent in order\n", id->path);
        break;
    }
    if (rest > sent)
        text_printf(
            &id->notes,
            "%s: %d of %d certificates are not part of the chain or are its root; not sent\n",
            id->path, rest - sent, rest + 1);
    if (sk_X509_num(id->chain) == 0 && !certificate_is_self_issued(id->leaf))
        text_printf(&id->notes,
                    "%s: no intermediate certificate; clients that do not have it will refuse\n",
                    id->path);
    if (file->key_count > 1)
        text_printf(&id->notes, "%s: %zu private keys; the first one is used\n", id->path,
                    file->key_count);
}

// Returns how many of the chain are not of the file.
static int note_added(struct identity *id, const struct bundle *file,
                      const struct tls_chains *chains) {
    int added = 0;
    for (int i = 0; i < sk_X509_num(id->chain); i++) {
        const X509 *cert = sk_X509_value(id->chain, i);
        if (has(file->certificates, cert)) continue;
        text_printf(&id->notes, "%s: the intermediate certificate ", id->path);
        certificate_add_title(&id->notes, cert);
        text_printf(&id->notes, " is not in it; it is sent from %s\n",
                    chains_path_of(chains, cert));
        added++;
    }
    return added;
}

STACK_OF(X509) * identity_order_chain(X509 *leaf, const STACK_OF(X509) * pool) {
    STACK_OF(X509) *chain = sk_X509_num(pool) > 1 ? serve_chain(leaf, pool) : NULL;
    if (chain) return chain;
    chain = sk_X509_new_null(); // what is wrong with it is for others to say
    CHECK(chain);
    X509 *last = leaf;
    while (sk_X509_num(chain) < IDENTITY_CHAIN_MAX && !certificate_is_self_issued(last)) {
        X509 *issuer = issuer_of(last, pool, chain);
        if (!issuer || certificate_is_self_issued(issuer)) break;
        X509_up_ref(issuer);
        CHECK(sk_X509_push(chain, issuer) > 0);
        last = issuer;
    }
    ERR_clear_error();
    return chain;
}

// By name and key identifier, then by signature; of several the one with the most merit, then the first.
static X509 *issuer_of(X509 *cert, const STACK_OF(X509) * pool, const STACK_OF(X509) * used) {
    X509 *best = NULL;
    int best_merit = -1;
    for (int i = 0; i < sk_X509_num(pool); i++) {
        X509 *candidate = sk_X509_value(pool, i);
        int merit = merit_of(candidate);
        if (candidate == cert || merit <= best_merit || has(used, candidate)) continue;
        if (X509_check_issued(candidate, cert) != X509_V_OK) continue;
        if (X509_verify(cert, X509_get0_pubkey(candidate)) != 1) continue;
        best = candidate;
        best_merit = merit;
    }
    return best;
}

static bool has(const STACK_OF(X509) * certs, const X509 *cert) {
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_cmp(sk_X509_value(certs, i), cert) == 0) return true;
    return false;
}

// Root certificates come last: they are not sent. (Between two good ones the order of the file decides.)
static int merit_of(const X509 *cert) {
    struct text unused;
    text_init(&unused, 200);
    bool is_poor = certificate_is_expired(cert) || certificate_is_weak(cert, &unused);
    text_fini(&unused);
    return certificate_is_self_issued(cert) ? 0 : is_poor ? 1 : 2;
}

bool tls_identity_check(struct files *files, const struct tls_identity_conf *identity,
                        struct text *problems) {
    struct identity id;
    bool is_good = identity_load(&id, files, identity, problems);
    identity_fini(&id);
    return is_good;
}
