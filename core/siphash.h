// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdint.h>

#include "core/slice.h"

// SipHash-2-4 (Aumasson and Bernstein, 2012): a hash of short texts that tells nothing of the text, and cannot be made to order,
// without the key. For what clients see; where nobody needs to be kept from guessing, XXH3 is faster.
struct siphash_key {
    uint64_t k0, k1;
};
uint64_t siphash(struct siphash_key key, struct slice text);
