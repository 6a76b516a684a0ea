"""Cedar's text to policies that can be pushed into queries, and such policies to the rights of a caller."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from cedarpy import policies_to_json_str

from kumihimo.base.errors import Wording
from kumihimo.platform.access.conditions import (
    ALWAYS,
    AllOf,
    Asked,
    Call,
    Condition,
    Facts,
    Who,
    leaves_of,
    rows_where,
    test_of,
)
from kumihimo.platform.access.mistakes import mistake_in
from kumihimo.platform.access.models import ALL_NAMES, NO_ROW, Clause, Names, Rights, RowNode
from kumihimo.platform.access.narrow import narrowed
from kumihimo.platform.access.read import NO_TEMPLATE, Unfit, condition_of, scope_of
from kumihimo.platform.access.titles import title_in
from kumihimo.platform.access.words import (
    MAX_ATTRIBUTES,
    MAX_BRACKETS,
    MAX_BYTES,
    MAX_OPERATORS,
    MAX_POLICIES,
    PolicyRefused,
)

# A comment ends where Cedar's lexer ends it, so that no bracket is hidden from the count.
_TOKEN = re.compile(r'//[^\n\r]*|"(?:\\.|[^"\\])*"|[()\[\]{};]|&&|\|\||[!<>=.*+-]|\b(?:if|has|like|in|is)\b', re.DOTALL)


class Statement(NamedTuple):
    """The text of one policy, and the line of its document and the column of that line where it begins, from 1."""

    text: str
    line: int
    column: int = 1

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column in the document of an offset in the text."""
        before = self.text[:offset]
        begin = 0 if "\n" in before else self.column - 1
        return self.line + before.count("\n"), begin + offset - (before.rfind("\n") + 1) + 1


@dataclass(frozen=True, eq=False)
class Policy:
    """One policy, ready to be asked. line is that of its document where it begins."""

    effect: Literal["permit", "forbid"]
    head: Condition
    body: Asked
    text: str
    line: int
    fits: Callable[[Facts], bool] = field(repr=False)
    """Whether the head fits a call."""
    titled: tuple[str, Mapping[str, str]] | None = None
    """The role that it gives a title to, and the title by language."""


def names_somebody(policy: Policy) -> bool:
    """Whether the policy asks for a caller by kind and id."""
    return any(isinstance(one, Who) for one in (*leaves_of(policy.head), *policy.body.facts))


_Applying = tuple[tuple[Policy, tuple[bool, ...]], ...]
"""Policies whose heads fit a call, each with what of its conditions holds of the call."""


def rights_of(policies: Iterable[Policy], facts: Facts) -> Rights:
    """What the policies say for this caller and action; without any clause in `shown` nothing is granted."""
    applying = tuple([(one, one.body.told(facts)) for one in policies if one.fits(facts)])
    return _rights(applying, facts.tenant is None)


@lru_cache(maxsize=4096)
def _rights(applying: _Applying, of_entities: bool) -> Rights:
    """Callers of whom the same holds have the same rights, so these are put together once."""
    shown: list[Clause] = []
    hidden: list[Clause] = []
    for policy, told in applying:
        (shown if policy.effect == "permit" else hidden).extend(_clauses(policy.body, told, of_entities))
    return narrowed(shown, hidden)


@lru_cache(maxsize=8192)
def _clauses(body: Asked, told: tuple[bool, ...], of_entities: bool) -> tuple[Clause, ...]:
    """Names that see the same rows stand together; all that no condition names are alike.

    What concerns a tenant concerns no attribute: what a policy says of one by name is not said of it.
    """
    ask = Call(dict(zip(body.facts, told, strict=True)), of_entities)
    other = rows_where(body.condition, ask, None)
    if not of_entities:
        return () if other == NO_ROW else (Clause(other, ALL_NAMES),)
    found: dict[RowNode, set[str]] = {}
    for name in sorted(body.names):
        rows = rows_where(body.condition, ask, name)
        if rows != other:
            found.setdefault(rows, set()).add(name)
    apart = frozenset[str]().union(*found.values())
    told_apart = {rows: Names(frozenset(names)) for rows, names in found.items()}
    parts = {other: Names(apart, others=True), **told_apart}
    return tuple(Clause(rows, names) for rows, names in parts.items() if rows != NO_ROW)


@lru_cache(maxsize=2048)
def policies_of(text: str) -> tuple[Policy, ...]:
    """The policies of a document. PolicyRefused where one cannot be kept, with the line and the reason."""
    if len(text.encode()) > MAX_BYTES:
        said = f"the policies have more than {MAX_BYTES} bytes; cut them into several documents"
        raise PolicyRefused(said).worded("refused.policy.bytes", most=MAX_BYTES)
    if "\x00" in text:
        raise PolicyRefused("the policies hold the character U+0000").worded("refused.policy.nul")
    found = tuple(_policy(one) for one in statements(text))
    if len(found) > MAX_POLICIES:
        said = f"{len(found)} policies in one document; a tenant may have {MAX_POLICIES}"
        raise PolicyRefused(said).worded("refused.policy.many", many=len(found), most=MAX_POLICIES)
    return found


def statements(text: str) -> Iterator[Statement]:
    """The policies of a text, cut at their semicolons. PolicyRefused for one that is too deep or too long."""
    begin = depth = operators = 0
    for token in _TOKEN.finditer(text):
        what = token.group()
        if what in "([{":
            depth += 1
        elif what in ")]}":
            depth -= 1
        elif what == ";":
            yield _statement(text, begin, token.end())
            begin, depth, operators = token.end(), 0, 0
        elif what[0] not in '"/':
            operators += 1
        if depth > MAX_BRACKETS or operators > MAX_OPERATORS:
            raise _too_much(_line(text, token.start()))
    if _bare(text[begin:]):
        yield _statement(text, begin, len(text))


def _too_much(line: int) -> PolicyRefused:
    limits = f"{MAX_BRACKETS} brackets in each other and {MAX_OPERATORS} operators"
    return PolicyRefused(f"line {line}: a policy may have {limits}; cut it into several").worded(
        "refused.policy.size", line=line, brackets=MAX_BRACKETS, operators=MAX_OPERATORS
    )


def _statement(text: str, begin: int, end: int) -> Statement:
    piece = text[begin:end]
    bare = re.match(r"(?:\s|//[^\n\r]*)*", piece)
    skipped = bare.end() if bare else 0
    first = begin + skipped
    return Statement(text[first:end].rstrip(), _line(text, first), first - text.rfind("\n", 0, first))


def _bare(piece: str) -> str:
    return re.sub(r"//[^\n\r]*", "", piece).strip()


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _policy(one: Statement) -> Policy:
    try:
        whole = json.loads(policies_to_json_str(one.text))
    except (ValueError, RecursionError) as problem:
        raise _no_cedar(one, str(problem)) from problem
    try:
        return _fit(whole, one)
    except Unfit as problem:
        why = Wording("", {"ja": problem.ja, "en": str(problem)})
        raise PolicyRefused(f"line {one.line}: {problem}", line=one.line).worded(
            "refused.policy.unfit", line=one.line, why=why
        ) from problem


def _no_cedar(one: Statement, said: str) -> PolicyRefused:
    """The refusal of what Cedar says this against: what kind of mistake, where, and Cedar's own words beside."""
    kind, word, offset = mistake_in(one.text, said)
    line, column = (one.line, None) if offset is None else one.place(offset)
    at = f"line {line}" if column is None else f"line {line}, column {column}"
    where = Wording("refused.cedar.from", {"line": line})
    if column is not None:
        where = Wording("refused.cedar.at", {"line": line, "column": column})
    what = Wording(f"refused.cedar.{kind}", {"word": word[:80]})
    place = {"line": line} if column is None else {"line": line, "column": column}
    return PolicyRefused(f"{at}: this is no Cedar policy: {said}", **place).worded(
        "refused.policy.cedar", where=where, what=what, why=said
    )


def _fit(whole: Any, one: Statement) -> Policy:
    """The policy of Cedar's JSON; Unfit where it is none, or none that is kept."""
    if whole["templates"]:
        raise Unfit(*NO_TEMPLATE)
    if len(whole["staticPolicies"]) != 1:
        raise Unfit("one policy stands before each semicolon", "「;」の前に書ける規則は一つです。")
    (policy,) = whole["staticPolicies"].values()
    principal, action, resource = scope_of(policy)
    if policy["effect"] == "permit" and principal == ALWAYS:
        raise Unfit(
            "a permit says for whom: `principal in Role::…`, `principal is Person`; for everybody it is a permit"
            " for each kind, `principal is Anonymous` among them",
            "permit には、だれに許すかを principal in Role::… や principal is Person のように書いてください。"
            "全員に許すときは、principal is Anonymous も含めて、種類ごとに permit を書きます。",
        )
    body = Asked(AllOf((resource, condition_of(policy))))
    if len(body.names) > MAX_ATTRIBUTES:
        said = f"a policy may name {MAX_ATTRIBUTES} attributes"
        raise Unfit(said, f"一つの規則に書ける属性は {MAX_ATTRIBUTES} 個までです。")
    head = AllOf((principal, action))
    return Policy(policy["effect"], head, body, one.text, one.line, test_of(head), title_in(policy))
