// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/files.h"
#include "core/text.h"
#include "tls/chain/graph.h"

// Who is trusted: the CA certificates of this system, or every certificate of a file.
struct trust;

// path NULL: this system's. NULL and a line in `problems` when the file cannot be read or holds none.
struct trust *trust_new(struct files *files, const char *path, struct text *problems);
void trust_free(struct trust *t);
bool trust_is_given(const struct trust *t); // by a file

// Adds to the graph, as anchors, the trusted certificates that may have issued one that is there.
void trust_add_issuers(const struct trust *t, struct graph *g);
