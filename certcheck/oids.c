// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/oids.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"

#define OID_BYTES_MAX 200 // as it is written

static ASN1_OBJECT *parse(const char *word, size_t len);
static bool has_numbers(const char *oid);

bool oids_add(STACK_OF(ASN1_OBJECT) * *all, const char *words, struct text *why) {
    if (!*all) *all = sk_ASN1_OBJECT_new_null();
    CHECK(*all);
    for (const char *word = words; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL) {
        size_t len = strcspn(word, ",");
        ASN1_OBJECT *oid = parse(word, len);
        if (!oid)
            text_printf(why, "'%.*s' is no object identifier (2.23.140.1.2.1)", (int)len, word);
        else if (sk_ASN1_OBJECT_num(*all) >= OIDS_MAX)
            text_printf(why, "more than %d object identifiers", OIDS_MAX);
        if (why->len == 0 && sk_ASN1_OBJECT_push(*all, oid) > 0) continue;
        ASN1_OBJECT_free(oid);
        return false;
    }
    return true;
}

void oids_free(STACK_OF(ASN1_OBJECT) * all) {
    sk_ASN1_OBJECT_pop_free(all, ASN1_OBJECT_free);
}

static ASN1_OBJECT *parse(const char *word, size_t len) {
    char oid[OID_BYTES_MAX + 1];
    if (len > OID_BYTES_MAX) return NULL;
    snprintf(oid, sizeof oid, "%.*s", (int)len, word);
    if (!has_numbers(oid)) return NULL;
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ERR_clear_error();
    return object;
}

// X.680 section 32: numbers with dots between them. OpenSSL takes one that is missing for 0, and leading zeros.
static bool has_numbers(const char *oid) {
    for (const char *at = oid;; at++) {
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || (digits > 1 && at[0] == '0')) return false;
        at += digits;
        if (*at == '\0') return true;
        if (*at != '.') return false;
    }
}
