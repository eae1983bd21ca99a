// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include "certcheck/password.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/files.h"

bool password_read(const char *path, char **password, struct text *problems) {
    struct slice content = slice_of(path ? NULL : getenv(PASSWORD_VARIABLE));
    char why[300];
    *password = NULL;
    struct files *files = files_new();
    bool is_good = !path || files_read(files, path, &content, why, sizeof why);
    if (!is_good) {
        text_printf(problems, "%s\n", why);
    } else if (content.at) {
        struct slice line = slice_cut(&content, '\n');
        if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
        is_good = line.len <= PASSWORD_BYTES_MAX && !memchr(line.at, '\0', line.len);
        if (!is_good)
            text_printf(problems, "%s: not a password (longer than %d bytes, or binary)\n",
                        path ? path : PASSWORD_VARIABLE, PASSWORD_BYTES_MAX);
        *password = is_good ? strndup(line.at, line.len) : NULL;
        CHECK(!is_good || *password);
    }
    files_free(files);
    return is_good;
}

void password_free(char *password) {
    if (password) explicit_bzero(password, strlen(password));
    free(password);
}
