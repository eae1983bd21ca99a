#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Each check of tools/dev finds a violation that was planted, and is content without it."""

import os
import subprocess
import tempfile
import unittest

DEV = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "dev")

with open(os.path.join(DEV, "..", "..", ".clang-format"), encoding="utf-8") as style:
    FORMAT = style.read()

CLEAN = {
    ".clang-format": FORMAT,
    "core/clock.h": "#pragma once\n\nint clock_now(void);\n",
    "core/clock.c": '#include "core/clock.h"\n\nint clock_now(void) {\n    return 1;\n}\n',
    "http/message/parser.c": "#include <llhttp.h>\n\nint parser_is_here;\n",
    "http/steps.def": "STEP(read_head, 10)\nSTEP(relay, 60)\n",
    "http/exchange.c": "static int read_head(void) {\n    return 0;\n}\n\n"
                       "static int relay(void) {\n    return read_head();\n}\n",
}


def run(check, files):
    """(exit status, output) of a check over a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        done = subprocess.run([os.path.join(DEV, check), root], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr


def function(body, name="f"):
    return f"int {name}(int a) {{\n{body}    return a;\n}}\n"


class Checks(unittest.TestCase):
    def finds(self, check, expected, **planted):
        """Keyword arguments: the file with __ for / and _DOT_ for a dot."""
        files = {n.replace("__", "/").replace("_DOT_", "."): t for n, t in planted.items()}
        status, output = run(check, {**CLEAN, **files})
        self.assertEqual(status, 1, output)
        self.assertIn(expected, output)

    def is_content(self, check, **planted):
        files = {n.replace("__", "/").replace("_DOT_", "."): t for n, t in planted.items()}
        status, output = run(check, {**CLEAN, **files})
        self.assertEqual((status, output), (0, ""))


class Layers(Checks):
    def test_a_clean_tree_is_accepted(self):
        self.is_content("check-layers")

    def test_core_may_not_include_from_http(self):
        self.finds("check-layers", "core/a.c:1", core__a_DOT_c='#include "http/b.h"\n', http__b_DOT_h="")

    def test_routing_and_tls_never_meet(self):
        self.finds("check-layers", "not below", routing__a_DOT_c='#include "tls/b.h"\n', tls__b_DOT_h="")
        self.finds("check-layers", "not below", tls__a_DOT_c='#include "routing/b.h"\n', routing__b_DOT_h="")

    def test_certcheck_sees_tls_and_routing_and_nothing_of_http(self):
        self.finds("check-layers", "not below", certcheck__a_DOT_c='#include "http/b.h"\n', http__b_DOT_h="")
        self.finds("check-layers", "not below", http__a_DOT_c='#include "certcheck/b.h"\n', certcheck__b_DOT_h="")
        self.is_content("check-layers", certcheck__a_DOT_c='#include <openssl/x509.h>\n#include "tls/b.h"\n', tls__b_DOT_h="")

    def test_messages_know_no_streams(self):
        self.finds("check-layers", "not pure", http__message__a_DOT_c='#include "core/stream.h"\n', core__stream_DOT_h="")

    def test_messages_know_nothing_of_the_rest_of_http(self):
        self.finds("check-layers", "not below", http__message__a_DOT_c='#include "http/b.h"\n', http__b_DOT_h="")

    def test_an_include_is_written_from_the_root(self):
        self.finds("check-layers", "from the root", core__a_DOT_c='#include "clock.h"\n')
        self.finds("check-layers", "from the root", http__a_DOT_c='#include "../core/clock.h"\n')

    def test_outside_libraries_have_one_owner(self):
        for header, name in (("openssl/ssl.h", "http__a_DOT_c"), ("event2/event.h", "tls__a_DOT_c"),
                             ("lua5.4/lua.h", "http__a_DOT_c"), ("llhttp.h", "http__message__b_DOT_c")):
            with self.subTest(header):
                self.finds("check-layers", "belongs to", **{name: f"#include <{header}>\n"})

    def test_the_owners_may(self):
        self.is_content("check-layers", tls__a_DOT_c="#include <openssl/ssl.h>\n", core__b_DOT_c="#include <event2/event.h>\n",
                        routing__lua_c_DOT_c="#include <lua.h>\n")


class Sizes(Checks):
    def test_a_function_of_60_lines_is_accepted(self):
        self.is_content("check-sizes", core__a_DOT_c=function("    a++;\n" * 57))

    def test_a_function_of_61_lines_is_found(self):
        self.finds("check-sizes", "f() has 61 lines", core__a_DOT_c=function("    a++;\n" * 58))

    def test_a_function_with_its_head_on_two_lines_is_found(self):
        text = "static struct x *f(int a,\n    int b) {\n" + "    a++;\n" * 58 + "}\n"
        self.finds("check-sizes", "f() has 61 lines", core__a_DOT_c=text)

    def test_a_large_table_is_no_function(self):
        self.is_content("check-sizes", core__a_DOT_c="static const int table[] = {\n" + "    1,\n" * 100 + "};\n")

    def test_a_long_file_is_found(self):
        self.finds("check-sizes", "601 lines", core__a_DOT_c="int a;\n" * 601)

    def test_a_long_header_is_found(self):
        self.finds("check-sizes", "151 lines", core__a_DOT_h="int a;\n" * 151)

    def test_nesting_of_four_is_accepted(self):
        self.is_content("check-sizes", core__a_DOT_c=function("    if (a) while (a) for (;;) if (a) { a++; }\n"))

    def test_nesting_of_five_is_found(self):
        body = "    if (a) {\n while (a) {\n for (;;) {\n switch (a) {\n case 1: if (a) { a++; }\n }\n }\n }\n }\n"
        self.finds("check-sizes", "nests 5 deep", core__a_DOT_c=function(body))

    def test_a_chain_of_else_if_does_not_nest(self):
        self.is_content("check-sizes", core__a_DOT_c=function("    if (a) a++;\n" + "    else if (a) a--;\n" * 8))

    def test_a_struct_written_in_place_does_not_nest(self):
        body = "    if (a) {\n while (a) {\n for (;;) {\n if (a) b = (struct x){.y = {1, {2}}};\n }\n }\n }\n"
        self.is_content("check-sizes", core__a_DOT_c=function(body))


class Steps(Checks):
    ROWS_IN_STORY = "#define STEPS \\\n    STEP(relay, 1) \\\n    STEP(read_head, 2)\n"

    def test_steps_in_order_are_accepted(self):
        self.is_content("check-steps")

    def test_steps_out_of_order_are_found(self):
        self.finds("check-steps", "read_head() stands before relay()", http__steps_DOT_def="STEP(relay, 1)\nSTEP(read_head, 2)\n")

    def test_a_step_without_a_function_is_found(self):
        self.finds("check-steps", "no function tunnel()", http__steps_DOT_def="STEP(read_head, 1)\nSTEP(tunnel, 2)\n")

    def test_an_empty_table_is_found(self):
        self.finds("check-steps", "no row", http__steps_DOT_def="// STEP(read_head, 1)\n")


class Names(Checks):
    def test_forbidden_words_are_found_where_they_are_declared(self):
        for code in ("int f(int ctx);", "struct conn_context { int a; };", "static int handle_it(void) { return 1; }",
                     "void f(void) { char *data = 0; }", "int do_it(void);", "struct a { int info; };",
                     "#define DATA_MAX 1", "int process_request(int a);", "int a_util;"):
            with self.subTest(code):
                self.finds("check-names", "says nothing", core__a_DOT_c=code + "\n")

    def test_a_file_name_is_a_name(self):
        self.finds("check-names", "core/util.c", core__util_DOT_c="int a;\n")

    def test_names_of_other_libraries_are_not_ours(self):
        self.is_content("check-names", core__a_DOT_c="void f(SSL_CTX *tls, struct addrinfo *hints) {\n"
                        "    SSL_CTX_free(tls);\n    ev.data.fd = hints->data;\n    return getaddrinfo(hints);\n}\n")

    def test_unfinished_work_is_found(self):
        self.finds("check-names", "core/a.c:2", core__a_DOT_c="int a;\n// TO" + "DO: more\n")


class Format(Checks):
    def test_a_formatted_tree_is_accepted(self):
        self.is_content("check-format")

    def test_other_indentation_is_found(self):
        self.finds("check-format", "core/a.c", core__a_DOT_c="int f(void)\n{\n  return 1;\n}\n")

    def test_tables_between_marks_are_left_alone(self):
        self.is_content("check-format", core__a_DOT_c="// clang-format off\nint   a  = 1;\n// clang-format on\n")


class Together(Checks):
    def test_check_fails_when_one_of_them_does(self):
        self.finds("check", "sizes: 1 problem(s)", core__a_DOT_h="int a;\n" * 151)

    def test_check_succeeds_on_a_clean_tree(self):
        status, output = run("check", CLEAN)
        self.assertEqual(status, 0, output)


if __name__ == "__main__":
    unittest.main()
