// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <time.h>

// What a path is looked for, and by which rules it is judged.

enum chain_purpose { CHAIN_SERVER, CHAIN_CLIENT };

// Charged before any work is begun.
struct chain_limits {
    int visits, signatures, verifications;
    int cpu_ms; // of this thread
};
#define CHAIN_LIMITS_HANDSHAKE ((struct chain_limits){5000, 100, 16, 50})
#define CHAIN_LIMITS_TOOL      ((struct chain_limits){200000, 1000, 64, 2000})

#define CHAIN_BITS_MIN 112 // what OpenSSL's security level 2 asks for

// Certificate policies (RFC 5280 section 6.1.1). All zero: any will do, and none is required from
// the start.
struct chain_policies {
    const STACK_OF(ASN1_OBJECT) * acceptable; // (c) user-initial-policy-set; NULL or empty: any
    bool is_required;                         // (f) initial-explicit-policy
    bool inhibits_mapping;                    // (e) initial-policy-mapping-inhibit
    bool inhibits_any;                        // (g) initial-any-policy-inhibit
};
struct chain_question {
    X509 *leaf;
    const char *
        host; // DNS name or IP address that the leaf must be for; NULL or empty: no name is checked
    time_t at;
    enum chain_purpose purpose;
    bool is_web; // also what the web asks beyond RFC 5280 section 6 (tls/chain/web.h)
    bool
        counts_end; // the signature of an end that is not self-issued counts, by its digest (serving)
    int bits_min;   // weakest signature and key
    int intermediates_max;           // that are not self-issued; -1: any number
    const STACK_OF(X509_CRL) * crls; // not empty: every certificate below the anchor needs one
    struct chain_policies policies;
    // A further judgement of a whole path, from the leaf to the anchor: the objection and the place
    // of its certificate; NULL: none. Itself NULL: there is none.
    const char *(*objects)(void *arg, X509 *const *certs, size_t count, size_t *at);
    void *objects_arg;
    struct signatures *signatures; // remembered over many questions; NULL: for this one only
    struct chain_limits limits;
};
