// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/authorities.h"

#include <openssl/err.h>

#include "tls/chain/load.h"

static bool has_root(const STACK_OF(X509) * certs, const char *path, struct text *problems);

bool authorities_load(X509_STORE *store, struct files *files, const char *path,
                      struct text *problems) {
    struct slice content;
    STACK_OF(X509) * certs;
    char why[300];
    if (!files_read(files, path, &content, why, sizeof why)) {
        text_printf(problems, "%s; put the CA certificates there or correct the name\n", why);
        return false;
    }
    bool is_whole = load_certificates(content, path, &certs, problems) == 0;
    bool is_good = is_whole && has_root(certs, path, problems);
    for (int i = 0; is_good && i < sk_X509_num(certs); i++)
        X509_STORE_add_cert(store, sk_X509_value(certs, i));
    sk_X509_pop_free(certs, X509_free);
    ERR_clear_error();
    return is_good;
}

static bool has_root(const STACK_OF(X509) * certs, const char *path, struct text *problems) {
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_self_signed(sk_X509_value(certs, i), 0) == 1) return true;
    if (sk_X509_num(certs) == 0)
        text_printf(problems,
                    "%s: holds no certificate; put the CA certificates there in PEM form\n", path);
    else
        text_printf(problems,
                    "%s: holds no self-signed certificate, at which paths end; add the root CA's\n",
                    path);
    return false;
}
