// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <jansson.h>
#include <openssl/x509.h>
#include <time.h>

#include "core/text.h"

// Small makers of JSON values for the outputs. A value that cannot be made is our mistake.

json_t *json_clean(const char *text); // NULL: NULL
json_t *json_clean_slice(struct slice text);
json_t *json_moment(time_t moment);
json_t *json_lines(const struct text *lines); // an array, one text for each line
json_t *json_said(void (*say)(struct text *out, const X509 *cert), const X509 *cert);
// Written with line breaks, and freed.
void json_add_to(struct text *out, json_t *root);
