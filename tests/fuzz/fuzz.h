// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stddef.h>
#include <stdint.h>

// What libFuzzer, or replay.c, calls with each input. What must hold is a CHECK.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
