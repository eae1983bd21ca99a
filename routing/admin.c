// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <string.h>

#include "routing/address_text.h"
#include "routing/loader.h"

// The admin API by network: never without TLS and a token.

enum { TOKEN_LEAST = 32, TOKEN_MOST = 512 };

static void read_token(struct loader *l, const struct conf_spot *at);
static bool is_token_text(struct slice s);

void loader_read_remote(struct loader *l, const struct conf_spot *at) {
    struct admin_conf *admin = &l->config->admin;
    struct address a;
    if (!admin->listen && admin->token_file)
        conf_error_of_key(l->conf, at, "token_file",
                          "'token_file' is for 'listen'; the unix socket goes by its mode");
    if (!admin->listen) return;
    if (!listen_address_parse(slice_of(admin->listen), &a) || a.any.sa_family == AF_UNIX)
        conf_error_of_key(
            l->conf, at, "listen",
            "\"%s\" is no address to listen on: write \"127.0.0.1:9443\" or \"[::1]:9443\"",
            admin->listen);
    if (admin->token_file)
        read_token(l, at);
    else
        conf_error_of_key(
            l->conf, at, "listen",
            "listen needs token_file = \"...\": a file with a word of %d letters or more, "
            "such as 'openssl rand -hex 32' makes",
            TOKEN_LEAST);
}

static void read_token(struct loader *l, const struct conf_spot *at) {
    struct admin_conf *admin = &l->config->admin;
    struct slice content;
    char why[512];
    admin->token_file = loader_beside(l, admin->token_file);
    if (!files_read(l->files, admin->token_file, &content, why, sizeof why)) {
        conf_error_of_key(l->conf, at, "token_file", "%s", why);
        return;
    }
    while (content.len > 0 && strchr("\r\n", content.at[content.len - 1])) content.len--;
    if (is_token_text(content))
        admin->token = arena_string(l->arena, content);
    else
        conf_error_of_key(l->conf, at, "token_file",
                          "%s: needs one word of %d to %d letters, digits and -._~+/=",
                          admin->token_file, TOKEN_LEAST, TOKEN_MOST);
}

// RFC 6750 section 2.1.
static bool is_token_text(struct slice s) {
    static const char LETTERS[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    if (s.len < TOKEN_LEAST || s.len > TOKEN_MOST) return false;
    for (size_t i = 0; i < s.len; i++)
        if (!s.at[i] || !strchr(LETTERS, s.at[i])) return false;
    return true;
}

// What is served there is ours, so the limits are not the route file's.
void loader_finish_admin(struct loader *l) {
    struct admin_conf *admin = &l->config->admin;
    struct listen_conf usual = {.place = admin->place,
                                .text = arena_string(l->arena, SLICE("the admin socket")),
                                .head_ms = 10000,
                                .keepalive_ms = 10000,
                                .handshake_ms = 10000,
                                .keepalive_requests = 10000,
                                .line_bytes = 8192,
                                .head_bytes = 16384,
                                .field_count = 50,
                                .max_connections = 256,
                                .makes_room = true};
    struct listen_conf *remote = &admin->listens[0];
    if (admin->listen) {
        *remote = usual;
        remote->is_tls = true;
        remote->text = admin->listen;
        listen_address_parse(slice_of(admin->listen), &remote->address);
        admin->remote = remote;
        admin->listen_count++;
    }
    admin->listens[admin->listen_count++] = usual;
}
