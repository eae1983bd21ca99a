// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// What a step of work that may have to wait says of itself.
enum progress { PENDING, READY, BROKEN };

// Called from the loop when something that the owner waits for may have changed.
typedef void ready_fn(void *arg);
