// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/loop.h"
#include "core/progress.h"
#include "core/slice.h"

// Messages between two processes of ours, over a SOCK_SEQPACKET pair: whole or not at all, in order, with descriptors.
// What is longer than a message goes as a descriptor of a sealed memory file.
struct channel;

#define CHANNEL_BODY_MAX    (60u << 10)
#define CHANNEL_FDS_MAX     16
#define CHANNEL_WAITING_MAX 512 // messages that the kernel has not taken yet

// Two connected ends, non-blocking and close-on-exec. False and errno.
bool channel_pair(int ends[2]);

// The body is valid during the call. The descriptors are close-on-exec; the callee keeps one by setting its place to
// -1, the others are closed after the call. They are fewer than were sent when this process has none left.
typedef void message_fn(void *arg, unsigned type, struct slice body, int *fds, size_t fd_count);

struct channel_conf {
    message_fn *on_message; // once per message, from the loop
    ready_fn *on_closed;    // once, from the loop: the other end is gone; then channel_free() it
    void *arg;
};
// Takes the descriptor, which is closed with the channel.
struct channel *channel_new(struct loop *loop, int fd, const struct channel_conf *conf);
// Allowed from within its own callbacks. What waits to be sent is dropped.
void channel_free(struct channel *c);

// Never blocks: what the kernel does not take at once waits in a queue. The body is copied and the descriptors are
// duplicated only if it has to wait; they stay the caller's. False, with a log line: the queue is full, no descriptor
// was left, or the other end is gone.
bool channel_send(struct channel *c, unsigned type, struct slice body, const int *fds,
                  size_t fd_count);
size_t channel_waiting(const struct channel *c); // messages in the queue
