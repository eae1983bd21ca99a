// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>

#include "core/text.h"

// Questions about one certificate, answered in words or yes and no.

enum key_kind { KEY_RSA, KEY_ECDSA, KEY_EDDSA, KEY_KINDS, KEY_OTHER = KEY_KINDS };

enum key_kind certificate_key_kind(const X509 *cert);
bool certificate_is_self_issued(const X509 *cert); // issuer and subject are the same name
bool certificate_is_expired(const X509 *cert);
bool certificate_is_too_new(const X509 *cert);

// `"a.example" (serial 0a1b)`: common name, else first DNS name, else the whole subject.
void certificate_add_title(struct text *out, const X509 *cert);
void certificate_add_subject(struct text *out, const X509 *cert);
void certificate_add_issuer(struct text *out, const X509 *cert);
void certificate_add_serial(struct text *out, const X509 *cert);
void certificate_add_time(struct text *out, const ASN1_TIME *time); // "2026-11-23 08:00 UTC"
void certificate_add_key(struct text *out, const X509 *cert);       // "RSA 2048", "EC P-256"
void certificate_add_signature(struct text *out, const X509 *cert); // "ecdsa-with-SHA256"

// Why nobody should rely on this certificate's key or signature ("its signature uses SHA-1", "its key is RSA 1024, of less
// than 112 bits of security"); false: nothing to say. The signature of a self-signed certificate does not matter and is not looked at.
bool certificate_is_weak(const X509 *cert, struct text *why);

// Calls `found` for each DNS name it is for, normalised ("*.example.com" stays a wildcard); the common name when there
// is no subjectAltName at all. Returns their number; a name that no host can have is left out.
typedef void certificate_name_fn(void *arg, struct slice name);
size_t certificate_each_name(const X509 *cert, certificate_name_fn *found, void *arg);
void certificate_add_names(struct text *out,
                           const X509 *cert); // `"a.example", "10.0.0.1"`: DNS and IP
// `"a.example" (serial 0a1b): it is not for "b.example" but for "a.example"`
void certificate_add_mismatch(struct text *out, const X509 *cert, const char *host);
