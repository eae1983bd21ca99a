// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"

// What OpenSSL's error queue says, in words ("TLS: the peer does not trust our certificate (alert unknown CA)").
// Empties the queue. Never adds nothing.
void reason_take(struct text *out);
// Is it that plain HTTP came instead of a handshake? Asked before the queue is emptied.
bool reason_is_http(void);
// reason_take() for files: OpenSSL's own words without a prefix ("wrong tag").
void reason_take_plain(struct text *out);
