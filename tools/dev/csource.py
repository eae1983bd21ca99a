# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""What the checks know about C: which files are ours, tokens without comments, functions and how deep they nest."""

import os
import re
import subprocess
import sys

SKIPPED_FOLDERS = {"build", ".git", "node_modules", "__pycache__"}

MASKED = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE | re.DOTALL)
TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|->|\S")
CONTROL = {"if", "for", "while", "switch"}


def root_from_arguments():
    """The tree to check: the first argument, or the one that this script stands in."""
    if len(sys.argv) > 1:
        return os.path.abspath(sys.argv[1])
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def list_files(root, suffixes):
    """Paths relative to root of files of ours: what git knows or would add; all of them where there is no git."""
    command = ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"]
    if os.path.exists(os.path.join(root, ".git")):
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    else:
        names = walk(root)
    return sorted(n for n in set(names) if n.endswith(suffixes) and os.path.isfile(os.path.join(root, n)))


def walk(root):
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [f for f in subfolders if f not in SKIPPED_FOLDERS]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text):
    """Comments, strings and characters as spaces; lines keep their numbers."""
    return MASKED.sub(blank, text)


def without_directives(text):
    return DIRECTIVE.sub(blank, text)


def tokens(text):
    """(text, line) of each token of the code proper."""
    code = without_directives(without_comments(text))
    line, at, out = 1, 0, []
    for match in TOKEN.finditer(code):
        line += code.count("\n", at, match.start())
        at = match.start()
        out.append((match.group(), line))
    return out


class Function:
    def __init__(self, name, first_line, last_line, nesting):
        self.name = name
        self.lines = last_line - first_line + 1
        self.first_line = first_line
        self.nesting = nesting


def functions(text):
    """The functions that the text defines, in order."""
    toks, out, start, i = tokens(text), [], 0, 0
    while i < len(toks):
        if toks[i][0] == ";":
            start = i + 1
        elif toks[i][0] == "{":
            end = match_bracket(toks, i)
            name = function_name(toks[start:i])
            if name:
                nesting = Nesting(toks).of_block(i)
                out.append(Function(name, toks[start][1], toks[end][1], nesting))
            if name or not continues_declaration(toks, end):
                start = end + 1
            i = end
        i += 1
    return out


def continues_declaration(toks, end):
    """struct x { ... } name; : what stands before the brace belongs to what comes after it."""
    return end + 1 < len(toks) and toks[end + 1][0] == ";"


def match_bracket(toks, i):
    depth = 0
    for j in range(i, len(toks)):
        if toks[j][0] in "([{":
            depth += 1
        elif toks[j][0] in ")]}":
            depth -= 1
            if depth == 0:
                return j
    return len(toks) - 1


def function_name(before):
    """The name of the function whose head these tokens are, or None: they are something else."""
    i = 0
    while i < len(before):
        text = before[i][0]
        if text == "=":
            return None
        if text == "(":
            if i > 0 and before[i - 1][0] != "__attribute__" and re.match(r"[A-Za-z_]", before[i - 1][0]):
                return before[i - 1][0]
            i = match_bracket(before, i)
        i += 1
    return None


class Nesting:
    """How many control statements stand around the innermost statement of a function."""

    def __init__(self, toks):
        self.toks = toks
        self.deepest = 0

    def of_block(self, i):
        self.block(i, 0)
        return self.deepest

    def at(self, i):
        return self.toks[i][0] if i < len(self.toks) else "}"

    def block(self, i, depth):
        i += 1
        while i < len(self.toks) and self.at(i) != "}":
            i = self.statement(i, depth)
        return i + 1

    def statement(self, i, depth):
        self.deepest = max(self.deepest, depth)
        word = self.at(i)
        if word == "{":
            return self.block(i, depth)
        if word == "if":
            return self.otherwise(self.statement(self.after_brackets(i + 1), depth + 1), depth)
        if word in CONTROL:
            return self.statement(self.after_brackets(i + 1), depth + 1)
        if word == "do":
            return self.expression(self.statement(i + 1, depth + 1))
        if word in ("case", "default") or self.at(i + 1) == ":":
            return self.label(i)
        if self.at(i + 1) == "(" and self.at(self.after_brackets(i + 1)) == "{":
            return self.statement(self.after_brackets(i + 1), depth + 1)  # a loop that a macro makes
        return self.expression(i)

    def otherwise(self, i, depth):
        if self.at(i) != "else":
            return i
        return self.statement(i + 1, depth if self.at(i + 1) == "if" else depth + 1)

    def after_brackets(self, i):
        return match_bracket(self.toks, i) + 1

    def label(self, i):
        while self.at(i) not in (":", "}"):
            i += 1
        return i + 1 if self.at(i) == ":" else i

    def expression(self, i):
        while i < len(self.toks) and self.at(i) not in (";", "}"):
            i = self.after_brackets(i) if self.at(i) in "([{" else i + 1
        return i + 1 if self.at(i) == ";" else i


def report(problems, what):
    """Prints one line each and exits: 1 when there was any."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{what}: {len(problems)} problem(s)")
    sys.exit(1 if problems else 0)
