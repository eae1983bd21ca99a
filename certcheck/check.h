// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <time.h>

#include "certcheck/policy.h"
#include "core/files.h"
#include "core/text.h"
#include "tls/chain/question.h"

// The verdict over a certificate in files, for rsp-certcheck --verify. Files are PEM or DER.

struct check_conf {
    const char *leaf;        // its first certificate
    const char *anchors;     // every certificate of it is trusted
    const char *chain, *crl; // NULL: none
    const char *host;        // NULL or empty: no name is checked
    time_t at;
    bool is_client;                 // the leaf is a client's certificate, not a server's
    int intermediates_max;          // -1: any number
    struct chain_policies policies; // certificate policies; `acceptable` is borrowed
    const struct policy *
        policy; // NULL: signatures and keys must be worth 112 bits; else it alone says what is strong enough
};
enum check_result { CHECK_VALID, CHECK_REFUSED, CHECK_UNREADABLE };

// Says in `out` which path was found, or why there is none; what could not be read of the other files in `problems`.
// A server's certificate that must be for a host is judged by the web's rules as well.
enum check_result check_files(struct files *files, const struct check_conf *conf, struct text *out,
                              struct text *problems);
