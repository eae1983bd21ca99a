// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "tls/client_hello.h"

#include "core/hostname.h"
#include "core/text.h"
#include "tls/layer.h"

bool client_hello_read_name(SSL *ssl, struct slice *name) {
    const unsigned char *at;
    size_t len;
    *name = (struct slice){NULL, 0};
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &len) != 1) return true;
    if (len < 5 || (size_t)(at[0] << 8 | at[1]) != len - 2 || at[2] != TLSEXT_NAMETYPE_host_name)
        return false;
    size_t name_len = (size_t)(at[3] << 8 | at[4]);
    if (name_len == 0 || name_len > len - 5) return false;
    *name = (struct slice){(const char *)at + 5, name_len};
    return true;
}

int client_hello_refuse(SSL *ssl, int *alert, int which, struct slice name) {
    struct text why;
    text_init(&why, 400);
    text_add(&why, SLICE("TLS: "));
    if (which == SSL_AD_DECODE_ERROR) {
        text_add(&why, SLICE("the client's server name extension is malformed"));
    } else if (name.len == 0) {
        text_add(&why, SLICE("the client asked for no name (SNI)"));
    } else {
        text_add(&why, SLICE("no usable certificate for \""));
        for (size_t i = 0; i < name.len && i < HOSTNAME_MAX; i++)
            text_add_char(&why, name.at[i] > ' ' && name.at[i] < 0x7f ? name.at[i] : '?');
        text_add_char(&why, '"');
    }
    tls_layer_explain(tls_layer_of(ssl), text_string(&why));
    text_fini(&why);
    *alert = which;
    return SSL_CLIENT_HELLO_ERROR;
}
