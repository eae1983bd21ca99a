// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>

// Session tickets (RFC 5077, RFC 8446 section 4.6.1): the server keeps no state, the client keeps
// it sealed with a key that all workers share. Three keys: the first seals, all open; a rotation
// drops the oldest.
struct tickets;

#define TICKET_LIFETIME_S 7200 // two rotations: within it the key is still known

// area: as of tls_tickets_init(), outlives the object; NULL: keys of our own, made here.
struct tickets *tickets_new(void *area);
void tickets_free(struct tickets *t);
// Has this SSL_CTX seal and open with these keys; the tickets must outlive it. Due for every
// SSL_CTX of a server.
void tickets_attach(struct tickets *t, SSL_CTX *c);
