// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/text.h"
#include "http/service.h"

// The exchanges of a service that have their request's head and are not over: to be looked at, and to be ended.

// A JSON object each, with ",\n" between them, of those that are at least so old.
void service_list_running(const struct service *s, unsigned older_ms, struct text *out);
// Ends those with this request id as the failure KILLED; returns how many.
unsigned service_kill(struct service *s, struct slice request_id);
