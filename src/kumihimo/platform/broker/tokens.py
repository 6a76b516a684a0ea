"""The words of a q expression (clause 4.9), each with its place, so that an error can name it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from kumihimo.base.errors import BadRequestData

Kind = Literal["operator", "mark", "string", "word", "end"]

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'"}
_OPERATOR = re.compile(r"==|!=|!~=|~=|>=|<=|>|<")
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\s;|()\[\]{},\"<>=!~]+")
_QUOTED_RUN = re.compile(r"[^\"\\]+")
_HEX = re.compile(r"[0-9A-Fa-f]{4}")


@dataclass(frozen=True, slots=True)
class Token:
    """One word: what it is, its text (a string's without quotes and escapes), and where it begins."""

    kind: Kind
    text: str
    at: int


def wrong(what: str, text: str, at: int, why: str) -> BadRequestData:
    """What a caller hears whose expression cannot be read."""
    return BadRequestData(f"{what}, at character {at + 1} ({text[at : at + 20]!r}): {why}")


class Tokens:
    """Reads one expression from left to right; a value is asked for where one may stand."""

    def __init__(self, text: str, what: str = "q") -> None:
        self.text = text
        self.what = what
        self._at = 0

    @property
    def at(self) -> int:
        """Where reading goes on."""
        return self._at

    def peek(self) -> Token:
        """The next operator, mark or word, which stays the next."""
        start = self._at
        token = self.take()
        self._at = start
        return token

    def take(self) -> Token:
        """The next operator, mark or word."""
        space = _SPACE.match(self.text, self._at)
        if space is not None:
            self._at = space.end()
        at = self._at
        if at >= len(self.text):
            return Token("end", "", at)
        operator = _OPERATOR.match(self.text, at)
        if operator is not None:
            return self._token("operator", operator[0])
        char = self.text[at]
        if char in ";|()[]{},!":
            return self._token("mark", char)
        if char == '"':
            return self._string()
        word = _WORD.match(self.text, at)
        if word is None:
            raise wrong(self.what, self.text, at, f"{char!r} was not expected here; put text in double quotes")
        return self._token("word", word[0])

    def _token(self, kind: Kind, text: str) -> Token:
        token = Token(kind, text, self._at)
        self._at += len(text)
        return token

    def _string(self) -> Token:
        start = self._at
        self._at += 1
        parts: list[str] = []
        while not self.text.startswith('"', self._at):
            run = _QUOTED_RUN.match(self.text, self._at)
            if run is not None:
                parts.append(run[0])
                self._at = run.end()
            elif self._at >= len(self.text):
                raise wrong(self.what, self.text, start, "this string is not closed by a double quote")
            else:
                parts.append(self._escape())
        self._at += 1
        return Token("string", "".join(parts), start)

    def _escape(self) -> str:
        at = self._at
        char = self.text[at + 1 : at + 2]
        if char == "u" and _HEX.match(self.text, at + 2):
            self._at += 6
            return self._unicode(at)
        if char not in _ESCAPES:
            raise wrong(
                self.what,
                self.text,
                at,
                "after a backslash, one of n t r b f / \\ \" ' or u and four hex digits stands",
            )
        self._at += 2
        return _ESCAPES[char]

    def _unicode(self, at: int) -> str:
        code = int(self.text[at + 2 : at + 6], 16)
        low = self.text[at + 6 : at + 12]
        if 0xD800 <= code < 0xDC00 and low.startswith("\\u") and _HEX.match(low, 2):
            second = int(low[2:6], 16)
            if 0xDC00 <= second < 0xE000:
                self._at += 6
                return chr(0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00))
        if code == 0 or 0xD800 <= code < 0xE000:
            raise wrong(self.what, self.text, at, "this escape is no character")
        return chr(code)

    def pattern(self) -> tuple[str, int]:
        r"""The pattern that follows `~=`: quoted, or all up to the next `;`, `|` or unmatched `)`, and its place.

        A pattern with `;` or a bar outside of parentheses is put in double quotes, where `\"` is a quote and every
        other backslash belongs to the pattern.
        """
        at = self._at
        if self.text.startswith('"', at):
            return self._quoted_pattern(at), at
        depth, bracket, end = 0, False, at
        while end < len(self.text):
            char = self.text[end]
            if char == "\\":
                end += 2
                continue
            if bracket:
                bracket = char != "]"
            elif char == "[":
                bracket = True
            elif char == "(":
                depth += 1
            elif char == ")" and depth:
                depth -= 1
            elif char == ")" or (char in ";|" and not depth):
                break
            end += 1
        self._at = min(end, len(self.text))
        return self.text[at : self._at], at

    def _quoted_pattern(self, start: int) -> str:
        end = start + 1
        while end < len(self.text) and self.text[end] != '"':
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise wrong(self.what, self.text, start, "this pattern is not closed by a double quote")
        self._at = end + 1
        return self.text[start + 1 : end].replace('\\"', '"')
