// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files.h"

static char folder[] = "/tmp/rsp-test-files-XXXXXX";
static char path_space[4][128];

static const char *in_folder(int which, const char *name) {
    snprintf(path_space[which], sizeof path_space[which], "%s/%s", folder, name);
    return path_space[which];
}

static void write_file(const char *name, const char *content) {
    FILE *f = fopen(in_folder(3, name), "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    write_file("a.pem", "first");
    write_file("b.pem", "second");
    write_file("empty", "");
    if (mkdir(in_folder(0, "folder"), 0700) != 0 || mkfifo(in_folder(0, "fifo"), 0600) != 0)
        return -1;
    return symlink("nowhere", in_folder(0, "c.pem"));
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void assert_reads(struct files *f, const char *path, const char *wanted) {
    struct slice content;
    char why[256] = "";
    if (!files_read(f, path, &content, why, sizeof why)) fail_msg("%s", why);
    assert_non_null(content.at);
    assert_true(slice_equals(content, slice_of(wanted)));
}

static void assert_refuses(struct files *f, const char *path, const char *reason) {
    struct slice content;
    char why[256], wanted[256];
    assert_false(files_read(f, path, &content, why, sizeof why));
    snprintf(wanted, sizeof wanted, "%s: %s", path, reason);
    assert_string_equal(why, wanted);
}

static void a_file_is_read_once_and_kept(void **state) {
    (void)state;
    struct files *f = files_new();
    write_file("kept", "one");
    assert_reads(f, in_folder(0, "kept"), "one");
    write_file("kept", "two");
    assert_reads(f, in_folder(0, "kept"), "one");
    files_free(f);
}

static void what_cannot_be_read_says_why_each_time(void **state) {
    (void)state;
    struct files *f = files_new();
    for (int i = 0; i < 2; i++) {
        assert_refuses(f, in_folder(0, "nothing"), "No such file or directory");
        assert_refuses(f, in_folder(0, "folder"), "Is a directory");
        assert_refuses(f, in_folder(0, "fifo"), "not a regular file");
        assert_refuses(f, in_folder(0, "c.pem"), "No such file or directory");
        write_file("nothing", "it is there now");
    }
    unlink(in_folder(0, "nothing"));
    struct slice content;
    assert_true(files_peek(f, in_folder(0, "folder"), &content));
    assert_null(content.at);
    assert_false(files_peek(f, in_folder(0, "a.pem"), &content));
    files_free(f);
}

static void a_file_without_permission_is_refused(void **state) {
    (void)state;
    if (geteuid() == 0) skip();
    struct files *f = files_new();
    write_file("secret", "x");
    chmod(in_folder(0, "secret"), 0);
    assert_refuses(f, in_folder(0, "secret"), "Permission denied");
    files_free(f);
}

static void set_size(const char *name, off_t size) {
    write_file(name, "");
    assert_int_equal(truncate(in_folder(3, name), size), 0);
}

static void a_file_over_the_maximum_is_refused(void **state) {
    (void)state;
    struct files *f = files_new();
    struct slice content;
    char why[256];
    set_size("largest", FILES_ONE_MAX);
    set_size("larger", FILES_ONE_MAX + 1);
    assert_refuses(f, in_folder(0, "larger"), "larger than 32 MiB");
    assert_true(files_read(f, in_folder(0, "largest"), &content, why, sizeof why));
    assert_int_equal(content.len, FILES_ONE_MAX);
    files_free(f);
}

static void a_set_over_the_maximum_is_refused(void **state) {
    (void)state;
    struct files *f = files_new();
    struct slice content;
    char why[256], name[32];
    set_size("large", FILES_ONE_MAX);
    for (unsigned i = 0; i < FILES_ALL_MAX / FILES_ONE_MAX; i++) {
        snprintf(name, sizeof name, "large%u", i);
        assert_int_equal(symlink("large", in_folder(0, name)), 0);
        assert_true(files_read(f, in_folder(0, name), &content, why, sizeof why));
    }
    assert_refuses(f, in_folder(0, "a.pem"), "all files together are larger than 256 MiB");
    files_free(f);
}

static void assert_matches(struct files *f) {
    const char *const *paths;
    assert_int_equal(files_glob(f, in_folder(0, "*.pem"), &paths), 3);
    assert_string_equal(paths[0], in_folder(1, "a.pem"));
    assert_string_equal(paths[1], in_folder(1, "b.pem"));
    assert_string_equal(paths[2], in_folder(1, "c.pem"));
    assert_int_equal(files_glob(f, in_folder(0, "*.none"), &paths), 0);
}

static void a_pattern_gives_sorted_paths_and_is_remembered(void **state) {
    (void)state;
    struct files *f = files_new();
    assert_matches(f);
    write_file("d.pem", "new");
    assert_matches(f);
    unlink(in_folder(0, "d.pem"));
    files_free(f);
}

static struct files *pack_and_unpack(struct files *f, int *fd) {
    char why[256] = "";
    *fd = files_pack(f);
    assert_true(*fd >= 0);
    files_free(f);
    struct files *unpacked = files_unpack(*fd, why, sizeof why);
    if (!unpacked) fail_msg("%s", why);
    return unpacked;
}

static void an_unpacked_set_is_the_same_without_the_disk(void **state) {
    (void)state;
    struct files *f = files_new();
    struct slice content;
    char why[256];
    assert_reads(f, in_folder(0, "a.pem"), "first");
    assert_reads(f, in_folder(0, "empty"), "");
    assert_false(files_read(f, in_folder(0, "folder"), &content, why, sizeof why));
    assert_matches(f);
    int fd;
    f = pack_and_unpack(f, &fd);
    write_file("a.pem", "changed");
    write_file("e.pem", "more");
    for (int i = 0; i < 2; i++) {
        assert_reads(f, in_folder(0, "a.pem"), "first");
        assert_reads(f, in_folder(0, "empty"), "");
        assert_refuses(f, in_folder(0, "folder"), "Is a directory");
        assert_matches(f);
        assert_refuses(f, in_folder(0, "b.pem"), "not among the files that were loaded");
    }
    files_free(f);
    close(fd);
    unlink(in_folder(0, "e.pem"));
    write_file("a.pem", "first");
}

static void an_empty_set_can_be_packed(void **state) {
    (void)state;
    int fd;
    files_free(pack_and_unpack(files_new(), &fd));
    close(fd);
}

static void replacing_keeps_what_was_given_out(void **state) {
    (void)state;
    struct files *f = files_new();
    struct slice old, content;
    char why[256];
    assert_true(files_read(f, in_folder(0, "a.pem"), &old, why, sizeof why));
    files_replace(f, in_folder(0, "a.pem"), SLICE("in its place"));
    assert_true(slice_equals(old, SLICE("first")));
    assert_reads(f, in_folder(0, "a.pem"), "in its place");
    assert_refuses(f, in_folder(0, "nothing"), "No such file or directory");
    files_replace(f, in_folder(0, "nothing"), SLICE("here"));
    files_replace(f, in_folder(0, "unknown"), SLICE(""));
    int fd;
    f = pack_and_unpack(f, &fd);
    files_replace(f, in_folder(0, "unknown"), SLICE("twice"));
    assert_reads(f, in_folder(0, "a.pem"), "in its place");
    assert_reads(f, in_folder(0, "nothing"), "here");
    assert_true(files_peek(f, in_folder(0, "unknown"), &content));
    assert_true(slice_equals(content, SLICE("twice")));
    files_free(f);
    close(fd);
}

static void a_packed_set_cannot_be_changed(void **state) {
    (void)state;
    struct files *f = files_new();
    int fd = files_pack(f);
    files_free(f);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
}

// A sealed memory file that holds the first len bytes of the packed set, one byte changed.
static int copy_packed(int packed, size_t len, size_t changed) {
    char bytes[4096];
    assert_true(pread(packed, bytes, len, 0) == (ssize_t)len);
    if (changed < len) bytes[changed] ^= 0x41;
    int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(write(fd, bytes, len) == (ssize_t)len);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    return fd;
}

static void a_damaged_set_is_refused_or_read_within_its_bounds(void **state) {
    (void)state;
    struct files *f = files_new();
    char why[256] = "";
    assert_reads(f, in_folder(0, "a.pem"), "first");
    assert_matches(f);
    int packed = files_pack(f);
    files_free(f);
    struct stat st;
    fstat(packed, &st);
    size_t all = (size_t)st.st_size;
    for (size_t i = 0; i < all; i++) {
        int cut = copy_packed(packed, i, all);
        assert_null(files_unpack(cut, why, sizeof why));
        close(cut);
        int damaged = copy_packed(packed, all, i);
        files_free(files_unpack(damaged, why, sizeof why));
        close(damaged);
    }
    close(packed);
    int open_file = open(in_folder(0, "a.pem"), O_RDONLY);
    assert_null(files_unpack(open_file, why, sizeof why));
    assert_string_equal(why, "not a sealed memory file");
    close(open_file);
}

static void many_files_are_found_again(void **state) {
    (void)state;
    struct files *f = files_new();
    char name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%d", i * 7919 % 1000);
        files_replace(f, name, slice_of(name));
    }
    int fd;
    f = pack_and_unpack(f, &fd);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_reads(f, name, name);
    }
    files_free(f);
    close(fd);
}

// The kernel's own word: "dd" among the flags of the mapping that holds the address.
static bool is_left_out_of_core_dumps(const void *at) {
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[1000];
    bool is_here = false, is_left_out = false;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        unsigned long begin, end;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            is_here = (uintptr_t)at >= begin && (uintptr_t)at < end;
        if (is_here && strncmp(line, "VmFlags:", 8) == 0) is_left_out = strstr(line, " dd") != NULL;
    }
    fclose(f);
    return is_left_out;
}

static void core_dumps_leave_contents_out(void **state) {
    (void)state;
    struct files *f = files_new();
    struct slice read, replaced, unpacked;
    char why[100];
    static const char here[] = "static memory is dumped";
    assert_false(is_left_out_of_core_dumps(here));
    assert_true(files_read(f, in_folder(0, "a.pem"), &read, why, sizeof why));
    assert_true(is_left_out_of_core_dumps(read.at));
    files_replace(f, "key.pem", SLICE("a key"));
    assert_true(files_read(f, "key.pem", &replaced, why, sizeof why));
    assert_true(is_left_out_of_core_dumps(replaced.at));
    int fd = files_pack(f);
    struct files *other = files_unpack(fd, why, sizeof why);
    assert_non_null(other);
    assert_true(files_peek(other, "key.pem", &unpacked));
    assert_true(is_left_out_of_core_dumps(unpacked.at));
    close(fd);
    files_free(other);
    files_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_dumps_leave_contents_out),
        cmocka_unit_test(a_file_is_read_once_and_kept),
        cmocka_unit_test(what_cannot_be_read_says_why_each_time),
        cmocka_unit_test(a_file_without_permission_is_refused),
        cmocka_unit_test(a_file_over_the_maximum_is_refused),
        cmocka_unit_test(a_set_over_the_maximum_is_refused),
        cmocka_unit_test(a_pattern_gives_sorted_paths_and_is_remembered),
        cmocka_unit_test(an_unpacked_set_is_the_same_without_the_disk),
        cmocka_unit_test(an_empty_set_can_be_packed),
        cmocka_unit_test(replacing_keeps_what_was_given_out),
        cmocka_unit_test(a_packed_set_cannot_be_changed),
        cmocka_unit_test(a_damaged_set_is_refused_or_read_within_its_bounds),
        cmocka_unit_test(many_files_are_found_again),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
