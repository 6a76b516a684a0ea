"""What is refused when it is saved, with place and reason; and what clauses a policy comes to."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.texts import translator
from kumihimo.platform.access.compile import policies_of, rights_of
from kumihimo.platform.access.conditions import Facts
from kumihimo.platform.access.models import (
    ALL_NAMES,
    EVERY_ROW,
    Clause,
    Names,
    QPath,
    QTerm,
    Rights,
    RowAnd,
    RowIds,
    RowNode,
    RowOr,
    RowQ,
    RowScope,
    RowTypes,
)
from kumihimo.platform.access.narrow import narrowed
from kumihimo.platform.access.words import ACTIONS, MAX_BYTES, MAX_POLICIES, PolicyRefused
from kumihimo.service.console.words import load_words, refusal_in

A, B = "https://example.org/a", "https://example.org/b"
HEAD = 'permit (principal in Role::"officer", action, resource)'
OFFICER = Facts("Person", "p-1", frozenset({"officer"}), "read", "operate")

REFUSED = {
    "permit (principal, action, resource);": "a permit says for whom",
    'permit (principal in Role::"Chief", action, resource);': "'Chief' is no role",
    'permit (principal == Role::"officer", action, resource);': 'a role is meant by "in"',
    "permit (principal is Robot, action, resource);": "a principal is Anonymous, Application, Device, Person",
    'permit (principal is Person, action == Action::"fly", resource);': 'there is no Action::"fly"',
    "permit (principal is Person, action, resource is Photo);": "a resource is Entity or Tenant",
    'permit (principal is Person, action, resource in Album::"x");': "in an EntityType or a Scope",
    'permit (principal is Person, action, resource in EntityType::"River");': "no expanded name of a type",
    'permit (principal is Person, action, resource in Scope::"fukui");': "is no scope",
    'permit (principal is Person, action, resource == Entity::"7");': "is no entity's id",
    "permit (principal is Person, action, resource == ?resource);": "a template",
    f'{HEAD} when {{ context.attribute == "temperature" }};': "no expanded name of an attribute",
    f'{HEAD} when {{ context.attribute == "schema:name" }};': "no expanded name of an attribute",
    f'{HEAD} when {{ context.attribute like "https:*" }};': "cannot be pushed into queries",
    f'{HEAD} when {{ context.time == "now" }};': "only context.attribute, context.purpose and resource.id",
    f"{HEAD} when {{ context.attribute == resource.id }};": "a value that stands in the policy",
    f'{HEAD} when {{ resource.id like "urn:*" }};': "cannot be pushed into queries",
    f'{HEAD} when {{ resource["{A}"].contains(1) }};': "ask first whether it is there",
    f'{HEAD} when {{ resource has "{A}" || resource["{A}"].contains(1) }};': "ask first whether it is there",
    f'{HEAD} when {{ resource has "{B}" && resource["{A}"].contains(1) }};': "ask first whether it is there",
    f'{HEAD} when {{ resource has "{A}" && resource["{A}"] == 1 }};': "compared with a text",
    f'{HEAD} when {{ resource has "{A}" && resource["{A}"].contains([1]) }};': "a value that stands in the policy",
    f"{HEAD} when {{ resource has a.b }};": "no expanded name of an attribute",
    f'{HEAD} when {{ principal.age == "3" }};': "are compared with texts",
    f'{HEAD} when {{ ip("10.0.0.1").isIpv4() }};': "cannot be pushed into queries",
    f"{HEAD} when {{ 1 + 1 == 2 }};": "compared with a text",
    f"{HEAD} when {{ {'(' * 30}true{')' * 30} }};": "brackets in each other",
    f"{HEAD} when {{ true{' && true' * 300} }};": "operators",
    HEAD: "no Cedar policy",
    f"{HEAD};;": "no Cedar policy",
    f"{HEAD}; // \x00": "U+0000",
    f"{HEAD};" * (MAX_POLICIES + 1): f"a tenant may have {MAX_POLICIES}",
    f"{HEAD} when {{ }};": "no Cedar policy",
    " " * MAX_BYTES + f"{HEAD};": f"more than {MAX_BYTES} bytes",
}


QUOTED = re.compile("“.*”|「.*?」")
"""What stands in a refusal as it was written, or as Cedar says it."""
JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
ENGLISH = re.compile(r"\b[a-z]+ [a-z]+ [a-z]+\b")
IN_JAPANESE = refusal_in(translator(load_words(["kumihimo.platform.access"]), "ja"), "ja")


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_pushed_down_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        policies_of(text)
    assert REFUSED[text] in refused.value.detail
    assert refused.value.status == 422
    said = html.unescape(str(IN_JAPANESE(refused.value)))
    told = QUOTED.sub("", said)
    assert len(JAPANESE.findall(told)) >= 12
    assert ENGLISH.findall(told) == [], "no English stands in it but what was written and what Cedar says"


def test_a_refusal_says_where() -> None:
    text = f'// first\n{HEAD};\n\n// "quoted; not an end"\n{HEAD}\n  when {{ resource.id like "urn:*" }};\n'
    with pytest.raises(PolicyRefused, match=r"line 5: `.*like") as refused:
        policies_of(text)
    assert refused.value.extra == {"line": 5}


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_no_comment_hides_what_would_end_the_process(ending: str) -> None:
    with pytest.raises(PolicyRefused, match="brackets in each other"):
        policies_of(f"//{ending}{HEAD} when {{ {'(' * 5000}true{')' * 5000} }};")


def rights(*texts: str, facts: Facts = OFFICER) -> Rights:
    return rights_of([policy for text in texts for policy in policies_of(text)], facts)


def test_a_policy_comes_to_rows_and_names() -> None:
    level = f'resource has "{B}" && resource["{B}"].containsAny([3, "x"])'
    text = f'permit (principal in Role::"officer", action, resource in EntityType::"{A}")'
    rows = RowAnd(
        (
            RowTypes(frozenset({A})),
            RowQ(QTerm(QPath((B,)), "exists")),
            RowQ(QTerm(QPath((B,)), "==", (3, "x"))),
        )
    )
    assert rights(f"{text} when {{ {level} }};") == Rights((Clause(rows, ALL_NAMES),))
    one = f'when {{ context.attribute == "{A}" }}'
    assert rights(f"{HEAD} {one};") == Rights((Clause(EVERY_ROW, Names(frozenset({A}))),))
    scope = 'permit (principal is Person, action, resource in Scope::"/fukui");'
    assert rights(scope) == Rights((Clause(RowScope("/fukui/#"), ALL_NAMES),))


def test_names_that_are_hidden_everywhere_are_taken_out_of_what_is_shown() -> None:
    forbid = f'forbid (principal, action, resource) when {{ context.attribute == "{A}" }};'
    assert rights(f"{HEAD};", forbid) == Rights((Clause(EVERY_ROW, Names(frozenset({A}), others=True)),))
    assert rights(f'{HEAD} when {{ context.attribute == "{A}" }};', forbid) == Rights()
    assert rights(f"{HEAD};", "forbid (principal, action, resource);") == Rights()
    some = 'forbid (principal, action, resource == Entity::"urn:x:1");'
    assert rights(f"{HEAD};", some) == Rights(
        (Clause(EVERY_ROW, ALL_NAMES),), (Clause(RowIds(frozenset({"urn:x:1"})), ALL_NAMES),)
    )


NAMES = st.builds(Names, st.frozensets(st.sampled_from("abc")), others=st.booleans())
ROW_ONE, ROW_TYPE = RowIds(frozenset({"urn:x:1"})), RowTypes(frozenset({A}))
ROWS = st.sampled_from([EVERY_ROW, ROW_ONE, ROW_TYPE])


@given(NAMES, NAMES, st.sampled_from("abcd"))
def test_sets_of_names_are_put_together_as_sets_are(one: Names, other: Names, name: str) -> None:
    assert (name in (one | other)) == (name in one or name in other)
    assert (name in (one - other)) == (name in one and name not in other)


@given(st.lists(st.builds(Clause, ROWS, NAMES), max_size=4), st.lists(st.builds(Clause, ROWS, NAMES), max_size=3))
def test_putting_clauses_together_changes_nothing(shown: list[Clause], hidden: list[Clause]) -> None:
    found = narrowed(shown, hidden)
    for name in "abcd":
        for is_one, is_type in ((False, False), (True, False), (False, True), (True, True)):
            here: set[RowNode] = {EVERY_ROW, *([ROW_ONE] if is_one else []), *([ROW_TYPE] if is_type else [])}
            assert granted(found.shown, found.hidden, here, name) == granted(shown, hidden, here, name)


def granted(shown: Iterable[Clause], hidden: Iterable[Clause], here: Collection[RowNode], name: str) -> bool:
    def has(clauses: Iterable[Clause]) -> bool:
        return any(name in one.names and _holds(one.rows, here) for one in clauses)

    return has(shown) and not has(hidden)


def _holds(rows: RowNode, here: Collection[RowNode]) -> bool:
    return any(_holds(part, here) for part in rows.parts) if isinstance(rows, RowOr) and rows.parts else rows in here


def test_the_reference_names_every_action() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "access-policies.md"
    named = re.findall(r"^action ([a-z, ]+?)\s+appliesTo", page.read_text("utf-8"), re.MULTILINE)
    assert sorted(", ".join(named).split(", ")) == sorted(ACTIONS)
