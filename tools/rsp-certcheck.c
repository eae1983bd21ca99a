// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <string.h>

#include "tls/report.h"
#include "tls/tls.h"
#include "tools/certcheck.h"

#define REPORT_BYTES_MAX (1u << 20)

static const char usage[] = "usage: rsp-certcheck [--help] [-V] FILE...\n" CERTCHECK_VERIFY_USAGE;
static const char help[] =
    "Shows what stands in PEM files of certificates and what is wrong with it.\n"
    "\n"
    "For each file: subject, names, issuer, validity, key and signature of every certificate,\n"
    "whether a private key in the file matches, and whether the chain is complete and in order.\n"
    "\n"
    "  --help   this text\n"
    "  -V       version\n"
    "\n"
    "With --verify: looks for the strongest valid path from the certificate in LEAF to one of the\n"
    "trusted certificates in the --anchors file, over those of the --chain file in any order.\n"
    "\n"
    "  --anchors FILE   every certificate in it is trusted\n"
    "  --chain FILE     intermediate certificates\n"
    "  --crl FILE       revocation lists; then every certificate below the anchor needs one\n"
    "  --host NAME|IP   whom a server's certificate must be for; the web's rules apply as well\n"
    "  --at TIME        2026-11-23T09:30:00Z or seconds since 1970, instead of now\n"
    "  --purpose WHOSE  server (default) or client\n"
    "  --policy P       seed-2015, chrome-2015, cabf-2026, mozilla-intermediate or a JSON file: "
    "what\n"
    "                   is strong and short-lived enough, instead of 112 bits\n"
    "  --max-depth N    at most so many intermediates that are not self-issued\n"
    "\n"
    "Exit status: 0 all good or a valid path, 2 there are findings or no valid path, 3 a file\n"
    "could not be read, 64 wrong usage.\n";

static bool has_option(char **words, int count, const char *option);
static int report_files(char **paths, int count);

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
    if (has_option(words, count, "--verify")) return certcheck_verify(count, words);
    for (int i = 1; i < count && takes_options && words[i][0] == '-'; i++) {
        first = i + 1;
        takes_options = strcmp(words[i], "--") != 0;
        if (!takes_options) continue;
        fprintf(stderr, "rsp-certcheck: no option %s\n%s", words[i], usage);
        return EXIT_MISUSED;
    }
    if (first < count) return report_files(words + first, count - first);
    fprintf(stderr, "%s", usage);
    return EXIT_MISUSED;
}

static bool has_option(char **words, int count, const char *option) {
    for (int i = 1; i < count && strcmp(words[i], "--") != 0; i++)
        if (strcmp(words[i], option) == 0) return true;
    return false;
}

// Descriptions go to standard output, what could not be read to standard error; the worst one decides the status.
static int report_files(char **paths, int count) {
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
