// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <string.h>

#include "tls/report.h"
#include "tls/tls.h"

#define REPORT_BYTES_MAX (1u << 20)

enum { EXIT_GOOD = 0, EXIT_FINDINGS = 2, EXIT_UNREADABLE = 3, EXIT_MISUSED = 64 };

static const char usage[] = "usage: rsp-certcheck [--help] [-V] FILE...\n";
static const char help[] =
    "Shows what stands in PEM files of certificates and what is wrong with it.\n"
    "\n"
    "For each file: subject, names, issuer, validity, key and signature of every certificate,\n"
    "whether a private key in the file matches, and whether the chain is complete and in order.\n"
    "\n"
    "  --help   this text\n"
    "  -V       version\n"
    "\n"
    "Exit status: 0 all good, 2 there are findings, 3 a file could not be read, 64 wrong usage.\n";

static int check_files(char **paths, int count);

int main(int count, char **words) {
    bool takes_options = true;
    int first = 1;
    if (count > 1 && strcmp(words[1], "--help") == 0) {
        printf("%s\n%s", usage, help);
        return EXIT_GOOD;
    }
    if (count > 1 && strcmp(words[1], "-V") == 0) {
        printf("rsp-certcheck %s (%s)\n", RSP_VERSION, tls_library_version());
        return EXIT_GOOD;
    }
    for (int i = 1; i < count && takes_options && words[i][0] == '-'; i++) {
        first = i + 1;
        takes_options = strcmp(words[i], "--") != 0;
        if (!takes_options) continue;
        fprintf(stderr, "rsp-certcheck: no option %s\n%s", words[i], usage);
        return EXIT_MISUSED;
    }
    if (first < count) return check_files(words + first, count - first);
    fprintf(stderr, "%s", usage);
    return EXIT_MISUSED;
}

// Descriptions go to standard output, what could not be read to standard error; the worst one decides the status.
static int check_files(char **paths, int count) {
    static const int status_of[] = {EXIT_GOOD, EXIT_FINDINGS, EXIT_UNREADABLE};
    struct files *files = files_new();
    struct trust *trust = trust_new();
    enum verdict worst = VERDICT_GOOD;
    for (int i = 0; i < count; i++) {
        struct text out;
        text_init(&out, REPORT_BYTES_MAX);
        enum verdict verdict = report_file(trust, files, paths[i], &out);
        FILE *to = verdict == VERDICT_UNREADABLE ? stderr : stdout;
        fwrite(out.at, 1, out.len, to);
        if (out.is_cut) fprintf(to, "... (cut)\n");
        if (verdict > worst) worst = verdict;
        text_fini(&out);
    }
    trust_free(trust);
    files_free(files);
    return fflush(stdout) == 0 ? status_of[worst] : EXIT_UNREADABLE;
}
