// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/admin.h"

// The resources of the admin API that are about pools, as rsp-api(7) has them: JSON in, JSON out, an ETag for each, and for a wrong
// request the JSON pointer to what is wrong with it.

// True: it was answered. False: there is no such resource.
bool api_answer(const struct admin_calls *conf, const struct local_request *request,
                struct local_reply *r);

enum { API_WHO_MAX = 160 };
// Who asks, for the log: "uid 0 pid 4711", or "127.0.0.1 by token". Returns buf.
const char *api_who(const struct local_request *request, char buf[API_WHO_MAX]);

// HEAD goes with GET: "GET, HEAD" for "GET", else the method itself.
const char *api_methods_with(const char *method);
// 405, with the methods that there are in Allow (RFC 9110 section 15.5.6): "GET, HEAD, PUT".
void api_refuse_method(struct local_reply *r, const char *methods);
// {"status": 404, "error": "...", "pointer": ""}.
void api_refuse_plainly(struct local_reply *r, int status, const char *words);
