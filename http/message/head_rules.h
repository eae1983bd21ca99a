// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "http/message/head.h"

// What the fields of a head must be, and what they ask for, apart from framing and target.

// Names are tokens; Connection has at most CONNECTION_OPTIONS_MAX options and names no guarded field. Values need no look: the
// scanner has refused every byte that must not stand in one.
enum refusal fields_check(const struct fields *f);

// Only 100-continue can be expected. An expectation of a 1.0 client, or one without a body to wait with, is none (RFC 9110
// section 10.1.1). method, version, fields and framing of the head must be there.
enum refusal expectation_read(struct request_head *h);

// OPTIONS and TRACE: their Max-Forwards; and TRACE has no body (RFC 9110 sections 7.6.2 and 9.3.8). Of other methods nothing is read.
// method, fields and framing of the head must be there.
enum refusal hops_read(struct request_head *h);
// Who has it now is to answer it: it must not be forwarded.
bool request_ends_here(const struct request_head *h);

// RFC 9112 section 9.3.
bool fields_want_to_persist(const struct fields *f, int minor_version);

// The value of the one Upgrade field, if Connection names it; else empty. An offer of h2c is no upgrade to us (RFC 9113 section 3.1).
struct slice fields_upgrade(const struct fields *f);
// May who offered these protocols be answered with a switch to those? Only to what was offered (RFC 9110 section 7.8).
bool upgrade_is_offered(struct slice offered, struct slice taken);
