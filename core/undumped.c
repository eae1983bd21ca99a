// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/undumped.h"

#include <string.h>
#include <sys/mman.h>

#include "core/check.h"

char *undumped_new(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    undumped_mark(at, bytes);
    return at;
}

void undumped_free(char *at, size_t bytes) {
    if (!at) return;
    explicit_bzero(at, bytes);
    CHECK(munmap(at, bytes) == 0);
}

void undumped_mark(void *mapping, size_t bytes) {
    CHECK(madvise(mapping, bytes, MADV_DONTDUMP) == 0);
}
