// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/check.h"
#include "tls/chain/load_parts.h"
#include "tls/reason.h"

// One block of PEM, decoded from base64.
struct block {
    char *label, *header;
    unsigned char *bytes;
    long len;
};
enum block_result { BLOCK_READ, BLOCK_DAMAGED, BLOCK_NONE };

static void load_der(struct loading *l);
static void load_pem(struct loading *l);
static enum block_result next_block(BIO *in, struct block *b);
static void block_fini(struct block *b);
static void take_block(struct loading *l, struct block *b);
static enum load_kind kind_of_label(const char *label);
static bool open_block(struct loading *l, struct block *b);
static int give_password(char *to, int max, int is_new, void *arg);
static void find_begin(struct loading *l);
static void say_position(struct loading *l);
static size_t count_of(const struct loading *l, enum load_kind kind);

// Kinds in words, and whether any of what they hold is wanted.
static const struct {
    const char *word;
    unsigned holds;
} kinds[LOAD_KINDS] = {
    [LOAD_CERTIFICATE] = {"certificate", LOAD_CERTIFICATES},
    [LOAD_CRL] = {"CRL", LOAD_CRLS},
    [LOAD_KEY] = {"private key", LOAD_KEYS},
    [LOAD_PKCS7] = {"PKCS#7", LOAD_CERTIFICATES | LOAD_CRLS},
    [LOAD_PKCS12] = {"PKCS#12", LOAD_ALL},
};

size_t bundle_load(struct bundle *b, struct slice content, const struct load_conf *conf,
                   struct text *problems) {
    static const struct slice mark = SLICE_INIT("\xef\xbb\xbf"); // of UTF-8, by some editors
    *b = (struct bundle){.certificates = sk_X509_new_null(), .crls = sk_X509_CRL_new_null()};
    CHECK(b->certificates && b->crls);
    if (slice_starts_with(content, mark)) content = slice_skip(content, mark.len);
    struct loading l = {.conf = conf,
                        .out = b,
                        .problems = problems,
                        .content = content,
                        .line = 1,
                        .rounds = LOAD_ROUNDS_MAX};
    if (content.len == 0) return 0;
    l.is_pem = (unsigned char)content.at[0] != (V_ASN1_CONSTRUCTED | V_ASN1_SEQUENCE);
    if (content.len > INT_MAX)
        loading_fail(&l, LOAD_CERTIFICATE, "the file is too large");
    else if (slice_starts_with(content, SLICE("\xff\xfe")) ||
             slice_starts_with(content, SLICE("\xfe\xff")))
        loading_fail(&l, LOAD_CERTIFICATE, "the text is UTF-16; save it as plain text (UTF-8)");
    else if (l.is_pem)
        load_pem(&l);
    else
        load_der(&l);
    ERR_clear_error();
    return l.failed;
}

void bundle_fini(struct bundle *b) {
    sk_X509_pop_free(b->certificates, X509_free);
    sk_X509_CRL_pop_free(b->crls, X509_CRL_free);
    EVP_PKEY_free(b->key);
    *b = (struct bundle){0};
}

size_t load_certificates(struct slice content, const char *path, STACK_OF(X509) * *out,
                         struct text *problems) {
    struct decoded *decoded = decoded_new();
    struct load_conf conf = {.path = path, .wanted = LOAD_CERTIFICATES, .decoded = decoded};
    struct bundle b;
    size_t failed = bundle_load(&b, content, &conf, problems);
    *out = b.certificates;
    b.certificates = NULL;
    bundle_fini(&b);
    decoded_free(decoded);
    return failed;
}

size_t load_crls(struct slice content, const char *path, STACK_OF(X509_CRL) * *out,
                 struct text *problems) {
    struct load_conf conf = {.path = path, .wanted = LOAD_CRLS};
    struct bundle b;
    size_t failed = bundle_load(&b, content, &conf, problems);
    *out = b.crls;
    b.crls = NULL;
    bundle_fini(&b);
    return failed;
}

static void load_der(struct loading *l) {
    const unsigned char *begin = (const unsigned char *)l->content.at, *at = begin;
    const unsigned char *end = begin + l->content.len;
    while (at < end && !l->has_ended) {
        struct slice rest = {(const char *)at, (size_t)(end - at)};
        l->offset = (size_t)(at - begin);
        ERR_clear_error();
        // One that is not wanted is decoded as well, to see where it ends; damage in it ends the file all the same.
        if (!load_object(l, load_kind_of(rest), &at, end - at)) break;
    }
}

static void load_pem(struct loading *l) {
    BIO *in = BIO_new_mem_buf(l->content.at, (int)l->content.len);
    struct block b;
    enum block_result result;
    CHECK(in);
    while (!l->has_ended && (result = next_block(in, &b)) != BLOCK_NONE) {
        if (result == BLOCK_READ)
            take_block(l, &b);
        else
            loading_fail(l, LOAD_CERTIFICATE,
                         "this block is cut or damaged; put the whole of it there again");
        block_fini(&b);
        l->offset = l->content.len - (size_t)BIO_pending(in);
    }
    BIO_free(in);
}

static enum block_result next_block(BIO *in, struct block *b) {
    *b = (struct block){0};
    ERR_clear_error();
    if (PEM_read_bio_ex(in, &b->label, &b->header, &b->bytes, &b->len,
                        PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) == 1)
        return BLOCK_READ;
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? BLOCK_NONE
                                                                        : BLOCK_DAMAGED;
}

static void block_fini(struct block *b) {
    OPENSSL_secure_free(b->label);
    OPENSSL_secure_free(b->header);
    OPENSSL_secure_clear_free(b->bytes, b->len > 0 ? (size_t)b->len : 0);
    *b = (struct block){0};
}

static void take_block(struct loading *l, struct block *b) {
    enum load_kind kind = kind_of_label(b->label);
    if (kind == LOAD_KINDS || !(kinds[kind].holds & l->conf->wanted)) return;
    if (!open_block(l, b)) return;
    const unsigned char *at = b->bytes;
    bool is_followed = strcmp(b->label, PEM_STRING_X509_TRUSTED) == 0; // by OpenSSL's remarks on it
    if (!load_object(l, kind, &at, b->len) || is_followed || at == b->bytes + b->len) return;
    loading_fail(l, kind, "more stands in this block, which does not belong to it");
}

// LOAD_KINDS: of no interest.
static enum load_kind kind_of_label(const char *label) {
    static const struct {
        const char *label;
        enum load_kind kind;
    } known[] = {
        {PEM_STRING_X509, LOAD_CERTIFICATE},
        {PEM_STRING_X509_OLD, LOAD_CERTIFICATE},
        {PEM_STRING_X509_TRUSTED, LOAD_CERTIFICATE},
        {PEM_STRING_X509_CRL, LOAD_CRL},
        {PEM_STRING_PKCS7, LOAD_PKCS7},
        {PEM_STRING_PKCS7_SIGNED, LOAD_PKCS7},
        {PEM_STRING_CMS, LOAD_PKCS7},
        {"PKCS12", LOAD_PKCS12},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(label, known[i].label) == 0) return known[i].kind;
    size_t len = strlen(label), key_len = strlen("PRIVATE KEY");
    bool is_key = len >= key_len && strcmp(label + len - key_len, "PRIVATE KEY") == 0;
    return is_key ? LOAD_KEY : LOAD_KINDS;
}

// The older way to encrypt a key: in the block's header (RFC 1421).
static bool open_block(struct loading *l, struct block *b) {
    EVP_CIPHER_INFO cipher;
    if (!b->header || !strstr(b->header, "ENCRYPTED")) return true;
    l->out->key_count++;
    if (!l->conf->password) {
        loading_fail(l, LOAD_KEY, LOAD_ENCRYPTED);
        return false;
    }
    if (PEM_get_EVP_CIPHER_INFO(b->header, &cipher) == 1 &&
        PEM_do_header(&cipher, b->bytes, &b->len, give_password, (void *)l->conf->password) == 1) {
        l->out->key_count--; // it is counted when it is taken
        return true;
    }
    loading_fail(l, LOAD_KEY, "it is encrypted, and not with this password");
    return false;
}

static int give_password(char *to, int max, int is_new, void *arg) {
    size_t len = strlen(arg);
    (void)is_new;
    if (max < 0 || len > (size_t)max) return -1;
    memcpy(to, arg, len);
    return (int)len;
}

void loading_fail(struct loading *l, enum load_kind kind, const char *why) {
    l->failed++;
    if (sk_X509_num(l->out->certificates) == 0) l->out->failed_before++;
    say_position(l);
    text_printf(l->problems, "%s %zu: ", kinds[kind].word, count_of(l, kind) + l->failed);
    if (why)
        text_add(l->problems, slice_of(why));
    else
        reason_take_plain(l->problems);
    text_add_char(l->problems, '\n');
    ERR_clear_error();
}

static void say_position(struct loading *l) {
    if (l->is_pem) {
        find_begin(l);
        text_printf(l->problems, "%s:%zu: ", l->conf->path, l->line);
    } else {
        text_printf(l->problems, "%s: byte %zu: ", l->conf->path, l->offset);
    }
}

// Counts lines on to the next BEGIN at or after the offset. Never goes back, so that all messages together read a file once.
static void find_begin(struct loading *l) {
    struct slice rest = slice_skip(l->content, l->offset);
    const char *begin = rest.len > 0 ? memmem(rest.at, rest.len, "-----BEGIN ", 11) : NULL;
    size_t to = begin ? (size_t)(begin - l->content.at) : l->offset;
    for (; l->counted < to; l->counted++) l->line += l->content.at[l->counted] == '\n';
}

static size_t count_of(const struct loading *l, enum load_kind kind) {
    if (kind == LOAD_CRL) return (size_t)sk_X509_CRL_num(l->out->crls);
    if (kind == LOAD_CERTIFICATE) return (size_t)sk_X509_num(l->out->certificates);
    return 0;
}
