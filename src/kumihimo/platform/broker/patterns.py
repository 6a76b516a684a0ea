"""Patterns of `~=`, `idPattern` and scopes: a subset of RE2 that both engines read alike.

What is taken is rewritten into a plain form: classes spelt out, "." without the line end. Back references,
look-around, flags, POSIX classes and word boundaries are refused, because the engines differ or cannot.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

from kumihimo.base.errors import BadRequestData

MAX_PATTERN = 512
MAX_REPEAT = 255
_COUNT = re.compile(r"\{(\d{1,4})(?:,(\d{0,4}))?\}")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": " \t\n\r\f\v"}
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


@lru_cache(maxsize=1024)
def check_pattern(text: str) -> str:
    """The pattern in the form that both engines take. BadRequestData, with the place, for what is not taken."""
    if len(text) > MAX_PATTERN:
        raise BadRequestData(f"a pattern has at most {MAX_PATTERN} characters, this one {len(text)}")
    rewritten = _Rewriter(text).run()
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        re2.compile(rewritten, options)
    except re2.error as problem:
        why = problem.args[0].decode(errors="replace") if isinstance(problem.args[0], bytes) else str(problem)
        raise BadRequestData(f"the pattern {text!r} cannot be used: {why}") from problem
    return rewritten


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The compiled form of a pattern that `check_pattern` gave."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def compiled_for_lines(pattern: str) -> Any:
    """The same, with ^ and $ at the ends of every line.

    It finds something in texts that stand line by line wherever the pattern finds something in one of them; not only
    there, because it may reach over a line's end.
    """
    return compiled("(?m)" + pattern)


class _Rewriter:
    """Reads the pattern once from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._out: list[str] = []
        self._repeatable = False
        self._depth = 0

    def run(self) -> str:
        while self._at < len(self._text):
            self._step(self._text[self._at])
        if self._depth:
            raise self._refused("a group is not closed")
        return "".join(self._out)

    def _refused(self, why: str) -> BadRequestData:
        return BadRequestData(f"the pattern {self._text!r} is not taken, at character {self._at + 1}: {why}")

    def _put(self, piece: str, length: int = 1, *, repeatable: bool = True) -> None:
        self._out.append(piece)
        self._at += length
        self._repeatable = repeatable

    def _step(self, char: str) -> None:
        if char == "\\":
            self._escape()
        elif char == "[":
            self._bracket()
        elif char == "(":
            self._open()
        elif char == ")":
            self._close()
        elif char in "*+?{":
            self._repeat(char)
        elif char in "^$|":
            self._put(char, repeatable=False)
        elif char == ".":
            self._put("[^\n]")
        else:
            self._put("\\" + char if char in "]}" else char)

    def _open(self) -> None:
        plain = not self._text.startswith("(?", self._at)
        if not plain and not self._text.startswith("(?:", self._at):
            raise self._refused("of the groups with '(?', only '(?:' is taken")
        self._depth += 1
        self._put("(?:", 1 if plain else 3, repeatable=False)

    def _close(self) -> None:
        if not self._depth:
            raise self._refused("a group is closed that was not opened")
        self._depth -= 1
        self._put(")")

    def _repeat(self, char: str) -> None:
        if not self._repeatable:
            raise self._refused(f"{char!r} has nothing to repeat; write '\\{char}' for the character")
        piece = char
        if char == "{":
            found = _COUNT.match(self._text, self._at)
            if found is None:
                raise self._refused("'{' begins a count like {2,5}; write '\\{' for the character")
            low, high = int(found[1]), int(found[2] or found[1])
            if high > MAX_REPEAT or low > high:
                raise self._refused(f"a count goes up to {MAX_REPEAT} and does not fall")
            piece = found[0]
        self._put(piece, len(piece), repeatable=False)
        # Greedy or not makes no difference to whether a text matches.
        if self._text.startswith("?", self._at):
            self._at += 1

    def _escape(self) -> None:
        char = self._text[self._at + 1 : self._at + 2]
        if char.lower() in _CLASSES:
            inverse = "^" if char.isupper() else ""
            self._put(f"[{inverse}{_CLASSES[char.lower()]}]", 2)
        else:
            self._put(self._escaped(char), 2)

    def _escaped(self, char: str) -> str:
        if char in _CONTROL:
            return _CONTROL[char]
        if char and char in _PUNCTUATION:
            return char if char in {" ", '"', "'"} else "\\" + char
        raise self._refused(f"the escape '\\{char}' is not taken")

    def _bracket(self) -> None:
        piece = "["
        self._at += 1
        if self._text.startswith("^", self._at):
            piece += "^"
            self._at += 1
        first = True
        while first or not self._text.startswith("]", self._at):
            piece += self._bracket_range()
            first = False
        self._put(piece + "]")

    def _bracket_range(self) -> str:
        """One character, class, or range; a "-" that makes no range is escaped, because the engines differ on it."""
        low, is_class = self._bracket_item()
        if not self._text.startswith("-", self._at) or self._text.startswith("-]", self._at):
            return low
        if is_class:
            raise self._refused("a class like \\d begins no range; write '\\-' for the character")
        self._at += 1
        high, is_class = self._bracket_item()
        if is_class:
            raise self._refused("a class like \\d ends no range; write '\\-' for the character")
        return f"{low}-{high}"

    def _bracket_item(self) -> tuple[str, bool]:
        """The next character as it is written, or the characters of a class, and whether it is one."""
        char = self._text[self._at : self._at + 1]
        if not char:
            raise self._refused("a class '[' is not closed")
        if self._text.startswith(("[:", "[.", "[="), self._at):
            raise self._refused("named classes like [:alpha:] are not taken; write \\[ for the character")
        if char != "\\":
            self._at += 1
            return "\\" + char if char in "[]^-" else char, False
        escape = self._text[self._at + 1 : self._at + 2]
        found = (_CLASSES[escape], True) if escape in _CLASSES else (self._escaped(escape), False)
        self._at += 2
        return found
