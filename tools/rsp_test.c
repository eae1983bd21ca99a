// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "core/text.h"
#include "routing/decide.h"
#include "tools/rsp.h"

enum { TEXT_MAX = 4 << 20 };

// rsp test FILE
int rsp_test(int argc, char **argv) {
    if (argc != 2 || argv[1][0] == '-') {
        fputs("usage: rsp test FILE\n", stderr);
        return EXIT_USAGE;
    }
    struct files *files = files_new();
    struct text out;
    text_init(&out, TEXT_MAX);
    int failed = route_tests_run(files, argv[1], &out);
    fputs(text_string(&out), failed < 0 ? stderr : stdout);
    text_fini(&out);
    files_free(files);
    return failed < 0 ? EXIT_CONFIG : failed > 0 ? EXIT_FAILED : EXIT_GOOD;
}
