// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>

#include "tls/chain/path.h"

// What is known of a certificate, or of a certificate and a key, by their prints (PRINT_BYTES each). Prints are digests, so nobody can
// choose where many of them meet.

#define PRINT_MAP_MAX 65536 // entries

struct print_map;
struct print_map *print_map_new(void);
// drop: called for each value; NULL: they are nobody's.
void print_map_free(struct print_map *m, void (*drop)(void *value));

// b may be NULL, as it was when the value was added. NULL: nothing is known.
void *print_map_find(const struct print_map *m, const unsigned char *a, const unsigned char *b);
// Of prints that are not there yet. False: it is full, and the value stays the caller's.
bool print_map_add(struct print_map *m, const unsigned char *a, const unsigned char *b,
                   void *value);
