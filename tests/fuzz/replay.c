// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

// usage: fuzz_NAME FOLDER   Runs a fuzz target over all files of a folder, where libFuzzer is not at hand. What a fuzzer once
// found stays found.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static int replay(const char *folder, const char *name);

int main(int argc, char **argv) {
    struct dirent **entries;
    int count = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
    if (count < 0) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    int ran = 0;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') ran += replay(argv[1], entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    printf("%d inputs\n", ran);
    return ran == 0;
}

// The input gets a block of exactly its size, so that a read behind its end is seen.
static int replay(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    uint8_t *room = malloc(INPUT_MAX);
    if (!f || !room) {
        perror(path);
        exit(2);
    }
    size_t len = fread(room, 1, INPUT_MAX, f);
    fclose(f);
    uint8_t *exact = realloc(room, len > 0 ? len : 1);
    if (LLVMFuzzerTestOneInput(exact, len) != 0) exit(1);
    free(exact);
    return 1;
}
