// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "core/slice.h"

// Within the ClientHello callback: what the client asks for, and how it is told no.

// The host_name of the server_name extension (RFC 6066 section 3), borrowed from the message; empty without one. False: malformed.
bool client_hello_read_name(SSL *ssl, struct slice *name);

// Ends the handshake with this alert (SSL_AD_...), and says why in the log: what the callback returns.
int client_hello_refuse(SSL *ssl, int *alert, int which, struct slice name);
