"""What is wrong with a text that is no Cedar policy, and where.

Cedar's parser says what, in English, and not where. The place of a sign that it cannot read is found by how much of
the text it reads to the end; that of a word that means nothing, by putting another in its place.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final, Literal, NamedTuple

from cedarpy import policies_to_json_str

Kind = Literal[
    "token", "end", "sign", "effect", "condition", "empty", "head", "entity", "name", "operator", "value", "twice",
    "other",
]  # fmt: skip
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("token", re.compile(r"unexpected token `(.+)`")),
    ("end", re.compile(r"unexpected end of input")),
    ("sign", re.compile(r"invalid token")),
    ("effect", re.compile(r"invalid policy effect: (.+)")),
    ("condition", re.compile(r"invalid policy condition: (.+)")),
    ("empty", re.compile(r"`(when|unless)` condition clause cannot be empty")),
    ("head", re.compile(r"found an invalid variable in the policy scope: (.+)")),
    ("head", re.compile(r"this policy has an extra element in the scope: (.+)")),
    ("head", re.compile(r"this policy is missing the `.+` variable in the scope")),
    ("head", re.compile(r"found the variable `.+` where the variable `.+` must be used")),
    ("head", re.compile(r"invalid operator in the (?:policy|action) scope: (.+)")),
    ("head", re.compile(r".+ (?:in the policy|in the action|action) scope")),
    ("entity", re.compile(r"expected (?:an|single) entity uid.*?(?:found (?:literal|name) `(.+)`|got `(.+)`|$)")),
    ("entity", re.compile(r"right hand side of an `is` expression must be an entity type name, but got `(.+)`")),
    ("name", re.compile(r"`(\w+)\(\.\.\.\)` is not a valid function call|call to `(\w+)` requires exactly")),
    ("name", re.compile(r"`(.+)` is not a valid (?:function|method)")),
    ("name", re.compile(r"attempted to call `.+`, but `(.+)` does not have any methods")),
    ("name", re.compile(r"invalid variable: (.+)")),
    ("operator", re.compile(r"multiple relational operators|'(=)' is not a valid operator|too many occurrences of")),
    ("operator", re.compile(r"division is not supported|remainder/modulo is not supported")),
    ("value", re.compile(r"integer parse error")),
    ("value", re.compile(r"the input `(.+)` is not a valid escape")),
    ("value", re.compile(r"right hand side of a `like` expression must be a pattern literal, but got `(.+)`")),
    ("twice", re.compile(r"duplicate (?:annotation: @|key `)(\w+)")),
)
_TOKEN: Final = re.compile(
    r'\s+|//[^\n\r]*|"(?:\\.|[^"\\])*"|\??[A-Za-z_][A-Za-z0-9_]*|[0-9]+|::|==|!=|<=|>=|&&|\|\||.', re.DOTALL
)
"""As Cedar's lexer cuts a text; what it has no name for is one sign."""
_FRESH: Final = "unlike_any_other_word"
MAX_TRIED: Final = 200
"""Places of a word that are tried; beyond them the place is told no nearer than by the policy."""


class Mistake(NamedTuple):
    """What kind, about which word ("" where none is told), and the offset in the text where that is known."""

    kind: Kind
    word: str
    place: int | None


def complaint_of(text: str) -> str:
    """What Cedar says against a text, "" where it is policies."""
    try:
        policies_to_json_str(text)
    except ValueError as problem:
        return str(problem)
    return ""


def mistake_in(text: str, said: str) -> Mistake:
    """The mistake in a text of one policy against which Cedar says this."""
    kind, word = _kind(said)
    tokens = [(one.start(), one.group()) for one in _TOKEN.finditer(text) if one.group()[:2].strip() not in {"", "//"}]
    if kind == "end":
        place: int | None = len(text.rstrip())
    elif kind == "token":
        place = _unfit(text, tokens, said, word)
    else:
        place = _unread(text, tokens, said)
        place = _place(text, tokens, said, kind, word) if place is None else place
    return Mistake(kind, word, place)


def _kind(said: str) -> tuple[Kind, str]:
    for kind, pattern in _KINDS:
        found = pattern.match(said)
        if found:
            return kind, next((one for one in found.groups() if one), "")
    return "other", ""


_Tokens = list[tuple[int, str]]


def _unfit(text: str, tokens: _Tokens, said: str, word: str) -> int | None:
    """Where the token stands that cannot stand there. Nothing before it is wrong, so a text that ends with it is read
    up to it; behind a bracket that closes a wrong condition Cedar reads on, up to where the policy ends.
    """
    for begin, token in [one for one in tokens if one[1] == word][:MAX_TRIED]:
        upto = text[: begin + len(token)]
        if said in (complaint_of(upto), complaint_of(f"{upto};")):
            return begin
    return None


def _unread(text: str, tokens: _Tokens, said: str) -> int | None:
    """Where a sign is that Cedar cannot read at all, or a value that it cannot hold; None for what is read to the end
    of the policy and means nothing.
    """

    def is_said(many: int) -> bool:
        begin, token = tokens[many]
        return complaint_of(text[: begin + len(token)]) == said

    first = bisect_left(range(len(tokens)), True, key=is_said)
    if said == "invalid token":
        return tokens[first][0] if first < len(tokens) else None
    # A value is taken in when the token behind it is seen.
    return tokens[first - 1][0] if 0 < first < len(tokens) - 1 else None


def _place(text: str, tokens: _Tokens, said: str, kind: Kind, word: str) -> int | None:
    """Where the word stands that the mistake is about; None where that is not certain."""
    if not word:
        return None
    found = [(begin, token) for begin, token in tokens if text.startswith(word, begin) and word.startswith(token)]
    if kind == "twice":
        return found[1][0] if len(found) == 2 else None
    if not found:
        found = [(begin + token.index(word), word) for begin, token in tokens if word in token]
    if len(found) == 1:
        return found[0][0]
    for begin, token in found[:MAX_TRIED]:
        other = f'"{_FRESH}"' if token.startswith('"') else _FRESH
        if complaint_of(text[:begin] + other + text[begin + len(token) :]) == said.replace(token, other, 1):
            return begin
    return None
