"""The ready text of an agreement: it is kept as it is and shares what was asked, whatever the names are."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.access.compile import policies_of, rights_of
from kumihimo.platform.access.conditions import Facts
from kumihimo.platform.access.models import ALL_NAMES, Clause, Names, Rights, RowTypes
from kumihimo.platform.access.rows import any_of
from kumihimo.platform.access.shared import shared_text
from kumihimo.platform.access.words import ACTIONS, ENTITY_ACTIONS
from kumihimo.platform.jsonld.contexts import Contexts

ROLE = "sabae/officer"
BREAKOUTS = (
    'a"}; permit (principal is Anonymous, action, resource); //',
    'a" || true || resource in EntityType::"b',
    'https://example.org/a"].contains(context.attribute) || ["b',
    "https://example.org/a\\",
    "https://example.org/a\\u{22}",
    'a\n}; permit (principal in Role::"sabae/officer", action == Action::"write", resource);',
    "*/ // ",
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(BREAKOUTS),
    st.text(max_size=12),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True),
    st.builds("https://example.org/{}".format, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
    st.builds("https://example.org/{}".format, st.text("\"\\{}[]();|&/*\n'", max_size=8)),
)
expand = Contexts().core.expand


def rights(text: str, action: str, role: str = ROLE, tenant: str | None = None) -> Rights:
    return rights_of(policies_of(text), Facts("Person", "p-1", frozenset({role}), action, "operate", tenant))


def made(types: list[str], attributes: list[str], subscribe: bool) -> str | BadRequestData:
    try:
        return shared_text(ROLE, types, attributes, expand, subscribe=subscribe)
    except BadRequestData as refused:
        return refused


@settings(max_examples=40)
@given(st.lists(NAMES, min_size=1, max_size=4), st.lists(NAMES, max_size=4), st.booleans())
@example([BREAKOUTS[0]], [], False)
@example(["River"], [BREAKOUTS[2]], True)
@example(["River", "https://uri.etsi.org/ngsi-ld/default-context/River"], ["location", "type"], True)
def test_what_is_made_shares_what_was_asked_and_nothing_else(
    types: list[str], attributes: list[str], subscribe: bool
) -> None:
    text = made(types, attributes, subscribe)
    if isinstance(text, BadRequestData):
        assert text.extra["field"] in {"types", "attributes"}
        return
    assert [one.effect for one in policies_of(text)] == ["permit"]
    rows = any_of([RowTypes(frozenset({expand(one)})) for one in types])
    names = Names(frozenset(map(expand, attributes))) if attributes else ALL_NAMES
    asked = Rights((Clause(rows, names),))
    may = {"read", "subscribe"} if subscribe else {"read"}
    for action in ACTIONS:
        tenant = None if action in ENTITY_ACTIONS else "fukui"
        assert rights(text, action, tenant=tenant) == (asked if action in may else Rights()), action
        assert rights(text, action, "officer", tenant) == Rights(), "those of the giver's own role hold nothing by it"


@pytest.mark.parametrize("name", [*BREAKOUTS, "type", "id", "mailto:a", "a b"])
def test_a_name_that_is_none_is_refused_at_its_field(name: str) -> None:
    for field, types, attributes in (("types", ["River", name], []), ("attributes", ["River"], [name])):
        with pytest.raises(BadRequestData) as refused:
            shared_text(ROLE, types, attributes, expand)
        assert refused.value.extra["field"] == field
        assert refused.value.wording is not None
        assert refused.value.wording.key == "refused.shared.name"


@pytest.mark.parametrize(
    ("role", "types", "attributes", "field"),
    [
        (ROLE, [], ["name"], "types"),
        (ROLE, [f"T{number}" for number in range(21)], [], "types"),
        (ROLE, ["River"], [f"a{number}" for number in range(101)], "attributes"),
        (ROLE, [f"https://example.org/{'a' * 1000}{number}" for number in range(20)], [], "types"),
        ('sabae/officer"', ["River"], [], "role"),
        ('sa"bae/officer', ["River"], [], "role"),
    ],
)
def test_what_no_text_holds_is_refused_at_its_field(
    role: str, types: list[str], attributes: list[str], field: str
) -> None:
    with pytest.raises(BadRequestData) as refused:
        shared_text(role, types, attributes, expand)
    assert refused.value.extra["field"] == field


def test_as_much_as_there_may_be_is_kept() -> None:
    types, attributes = [f"種別{number}" for number in range(20)], [f"name{number}" for number in range(100)]
    text = shared_text(ROLE, types, attributes, expand, subscribe=True)
    (clause,) = rights(text, "read").shown
    assert clause.rows == any_of([RowTypes(frozenset({expand(one)})) for one in types])
    assert clause.names == Names(frozenset(map(expand, attributes)))
