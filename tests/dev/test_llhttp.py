#!/usr/bin/env python3
# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Which llhttp a build takes where there are several: a CMake package, then pkg-config, then the sources of the system."""

import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = """add_library(llhttp::llhttp_{kind} {KIND} IMPORTED)
set_target_properties(llhttp::llhttp_{kind} PROPERTIES IMPORTED_LOCATION "${{CMAKE_CURRENT_LIST_DIR}}/libllhttp")
"""
PC = "Name: libllhttp\nDescription: made up\nVersion: 9.3.0\nLibs: -lllhttp\nCflags: -I{folder}\n"


class Order(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="rsp-test-llhttp-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as f:
            f.write(text)

    def configured(self):
        """As `rsp -V` would say it."""
        environment = dict(os.environ, PKG_CONFIG_PATH=self.folder)
        build = os.path.join(self.folder, "build")
        done = subprocess.run(["cmake", "-G", "Ninja", "-S", ROOT, "-B", build, "-DBUILD_TESTING=OFF", f"-DCMAKE_PREFIX_PATH={self.folder}"],
                              capture_output=True, text=True, env=environment, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return re.search(r"(?m)^-- llhttp: (.*)$", done.stdout)[1]

    def test_a_cmake_package_comes_first_and_its_shared_library_before_the_static_one(self):
        self.write("libllhttp.pc", PC.format(folder=self.folder))
        self.write("llhttp-config.cmake", PACKAGE.format(kind="static", KIND="STATIC"))
        self.assertEqual(self.configured(), "static library (CMake package)")
        self.write("llhttp-config.cmake", PACKAGE.format(kind="static", KIND="STATIC") + PACKAGE.format(kind="shared", KIND="SHARED"))
        self.assertEqual(self.configured(), "shared library (CMake package)")

    def test_pkg_config_comes_before_the_sources(self):
        self.write("libllhttp.pc", PC.format(folder=self.folder))
        self.assertEqual(self.configured(), "library (pkg-config)")

    @unittest.skipUnless(os.path.exists("/usr/share/llhttp/llhttp.c"), "another system than Debian 12")
    def test_the_sources_of_debian_are_built_strict(self):
        self.assertEqual(self.configured(), "system sources, strict mode")


if __name__ == "__main__":
    unittest.main(verbosity=2)
