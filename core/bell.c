// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/bell.h"

#include <sys/eventfd.h>

int bell_new(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

// EAGAIN: it has been rung 2^64 - 2 times and nobody has looked; it is ringing.
void bell_ring(int bell) {
    eventfd_write(bell, 1);
}

void bell_silence(int bell) {
    eventfd_t count;
    eventfd_read(bell, &count);
}
