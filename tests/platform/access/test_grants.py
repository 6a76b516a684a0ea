"""What is made of rights says the same as the rights, only shorter."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.platform.access.grants import EVERYTHING, NOTHING, Grant, Restriction, Visible
from kumihimo.platform.access.models import (
    ALL_NAMES,
    ALL_RIGHTS,
    EVERY_ROW,
    NO_ROW,
    Clause,
    Names,
    QAnd,
    QLink,
    QPath,
    QTerm,
    Rights,
    RowAnd,
    RowIds,
    RowNode,
    RowNot,
    RowOr,
    RowQ,
    RowTypes,
)
from kumihimo.platform.access.rows import folded, is_of_types, of_type
from kumihimo.platform.broker.masks import Standing, admits, decided, names_of

TYPES, IDS, NAMES = ("A", "B"), ("urn:1", "urn:2"), ("x", "y", "z")
HEADS: list[Any] = [
    {"id": id_, "type": [one for one, has in zip(TYPES, many, strict=True) if has], "attrs": {"x": [{"value": 1}]}}
    for id_, many in product(IDS, product([True, False], repeat=2))
]
HAS_X = RowQ(QTerm(QPath(("x",)), "exists"))
leaves: st.SearchStrategy[RowNode] = st.one_of(
    st.builds(RowTypes, st.frozensets(st.sampled_from(TYPES))),
    st.builds(RowIds, st.frozensets(st.sampled_from(IDS))),
    st.sampled_from((HAS_X, EVERY_ROW, NO_ROW)),
)
nodes = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(RowAnd, st.lists(inner, max_size=3).map(tuple)),
        st.builds(RowOr, st.lists(inner, max_size=3).map(tuple)),
        st.builds(RowNot, inner),
    ),
    max_leaves=8,
)
names = st.builds(Names, st.frozensets(st.sampled_from(NAMES)), st.booleans())
clauses = st.lists(st.builds(Clause, nodes, names), max_size=4).map(tuple)


@settings(max_examples=40)
@given(nodes)
def test_what_is_folded_is_the_same_rows(node: RowNode) -> None:
    for head in HEADS:
        assert Standing(head).holds(folded(node)) is Standing(head).holds(node)


@settings(max_examples=40)
@given(nodes, st.sampled_from(TYPES))
def test_a_type_that_is_known_changes_nothing_among_its_entities(node: RowNode, type_: str) -> None:
    for head in HEADS:
        if type_ in head["type"]:
            assert Standing(head).holds(of_type(folded(node), type_)) is Standing(head).holds(node)


@settings(max_examples=40)
@given(nodes)
def test_what_types_and_id_decide_is_so_whatever_else_there_is(node: RowNode) -> None:
    for head in HEADS:
        known = decided(node, head)
        if known is not None:
            bare: Any = {**head, "attrs": {}}
            for one in (bare, head):
                assert Standing(one).holds(node) is known


@settings(max_examples=40)
@given(clauses, clauses)
def test_a_grant_says_what_the_rights_say(shown: tuple[Clause, ...], hidden: tuple[Clause, ...]) -> None:
    grant = Grant.of(Rights(shown, hidden))
    for head in HEADS:
        standing = Standing(head)
        granted = {
            name: any(name in one.names and standing.holds(one.rows) for one in shown)
            and not any(name in one.names and standing.holds(one.rows) for one in hidden)
            for name in (*NAMES, "of no clause")
        }
        seen = grant.visible.names(standing.holds)
        assert {name: name in seen for name in granted} == granted
        assert {name: standing.holds(grant.visible.where(name)) for name in granted} == granted
        assert standing.holds(grant.restriction.rows) is any(granted.values())
        for type_ in head["type"]:
            narrow = grant.visible.of_type(type_)
            assert {name: standing.holds(narrow.where(name)) for name in granted} == granted


@settings(max_examples=40)
@given(clauses, clauses, st.permutations(HEADS))
def test_what_is_remembered_of_types_is_what_is_found_of_each_entity(
    shown: tuple[Clause, ...], hidden: tuple[Clause, ...], docs: list[Any]
) -> None:
    """Of two entities with the same types the second is answered from memory, and may differ in id and attributes."""
    visible = Visible(shown, hidden)
    restriction = Restriction(visible.where("x"))
    for doc in docs:
        assert admits(restriction, doc) == Standing(doc).holds(restriction.rows)
        assert names_of(visible, doc) == visible.names(Standing(doc).holds)


def test_types_alone_tell_of_rows_that_ask_nothing_else() -> None:
    of_a, of_b = RowTypes(frozenset({"A"})), RowTypes(frozenset({"B"}))
    assert is_of_types(RowOr((RowAnd((of_a, RowNot(of_b))), EVERY_ROW)))
    assert not is_of_types(RowAnd((of_a, HAS_X)))
    assert not is_of_types(RowNot(RowIds(frozenset({"urn:1"}))))


@settings(max_examples=40)
@given(names, names)
def test_names_are_added_and_taken_away(one: Names, other: Names) -> None:
    for name in (*NAMES, "more"):
        assert (name in (one | other)) is (name in one or name in other)
        assert (name in (one - other)) is (name in one and name not in other)


def test_what_is_everything_is_known_to_be_so() -> None:
    assert Grant.of(ALL_RIGHTS) == EVERYTHING
    assert EVERYTHING.is_all
    assert Grant.of(Rights()) == NOTHING
    both = Clause(RowTypes(frozenset("A")), ALL_NAMES), Clause(RowNot(RowTypes(frozenset("A"))), ALL_NAMES)
    assert Grant.of(Rights(both)).restriction.everything
    of_types = [Clause(RowTypes(frozenset(one)), ALL_NAMES) for one in "AB"]
    hidden = Clause(HAS_X, Names(frozenset("x")))
    assert Grant.of(Rights(tuple(of_types), (hidden,))).restriction == Restriction(RowTypes(frozenset("AB")))
    assert Visible(()).where("x") == NO_ROW


def test_rights_do_not_follow_links() -> None:
    """In memory no other entity is at hand, and to say "no" there would be "yes" below a RowNot."""
    with pytest.raises(ValueError, match="relationship"):
        RowQ(QAnd((QLink("x", QTerm(QPath(("y",)), "exists")),)))
