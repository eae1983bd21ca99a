// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "core/check.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/text.h"

enum { FRAMES_MAX = 12 };

static void add_frame(struct text *line, void *frame);

void check_failed(const char *condition, const char *file, int line, const char *function) {
    log_error("check failed: %s, at %s:%d in %s", condition, file, line, function);
    void *frames[FRAMES_MAX];
    int n = backtrace(frames, FRAMES_MAX);
    struct text trace;
    text_init(&trace, 1024);
    for (int i = 1; i < n; i++) add_frame(&trace, frames[i]);
    log_error("called from%s", text_string(&trace));
    abort();
}

// "rsp+0x1f30": what addr2line -e takes, however the program was loaded.
static void add_frame(struct text *line, void *frame) {
    Dl_info where;
    if (dladdr(frame, &where) == 0 || !where.dli_fname) {
        text_printf(line, " %p", frame);
        return;
    }
    const char *slash = strrchr(where.dli_fname, '/');
    uintptr_t offset = (uintptr_t)frame - (uintptr_t)where.dli_fbase;
    text_printf(line, " %s+0x%zx", slash ? slash + 1 : where.dli_fname, (size_t)offset);
}
