// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// A file of certificates, judged as one that is to be served. An input that begins with D is one certificate in
// DER, which is put into PEM first: mutations of base64 hardly get anywhere.

#include <openssl/pem.h>

#include "core/check.h"
#include "core/files.h"
#include "core/log.h"
#include "tests/fuzz/fuzz.h"
#include "tls/tls.h"

static void put_der(struct files *files, const uint8_t *bytes, size_t len) {
    BIO *pem = BIO_new(BIO_s_mem());
    char *at = NULL;
    CHECK(PEM_write_bio(pem, PEM_STRING_X509, "", bytes, (long)len) > 0 || len == 0);
    long pem_len = BIO_get_mem_data(pem, &at);
    files_replace(files, "x.pem", (struct slice){at, (size_t)pem_len});
    BIO_free(pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    log_set_level(LOG_LEVEL_ERROR);
    struct files *files = files_new();
    struct text said;
    text_init(&said, 100000);
    if (len > 0 && bytes[0] == 'D')
        put_der(files, bytes + 1, len - 1);
    else
        files_replace(files, "x.pem", (struct slice){(const char *)bytes, len});
    struct tls_identity_conf conf = {.cert = "x.pem"};
    bool is_good = tls_identity_check(files, &conf, &said);
    CHECK(is_good == (said.len == 0));
    text_fini(&said);
    files_free(files);
    return 0;
}
