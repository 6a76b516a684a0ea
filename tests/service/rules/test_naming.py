"""Short names of a set's own: what is written is what is meant, what is meant is shown as it was written."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.platform.jsonld.models import DEFAULT_VOCAB, NGSI_LD
from kumihimo.service.rules import text
from kumihimo.service.rules.compile import compiled
from kumihimo.service.rules.naming import Names, names_of
from kumihimo.service.rules.refusal import RuleRefused
from kumihimo.service.rules.text import with_names, without_names
from kumihimo.service.rules.view import values_of

CORE = Names(Contexts(None).core.expand, Contexts(None).core.compact)
HERE = "https://example.org/parking/"
FREE, LOT = HERE + "free", HERE + "Lot"
OWN = {"free": FREE, "Lot": LOT}
RULES = """# how full it is
name = "park-rules"

[[rule]]
name = "full"
types = ["Lot"]
watch = ["free"]
condition = "entity.free < 3 && has(before.free)"

# who is told
[[rule.then]]
do = "change"
attribute = "state"
expression = "entity.free"
"""
TERMS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True)
ADDRESSES = st.sampled_from([HERE, "urn:x:", "https://other.example/terms#", DEFAULT_VOCAB, NGSI_LD])


@given(st.dictionaries(TERMS, ADDRESSES, max_size=6), st.lists(TERMS, max_size=6), st.lists(ADDRESSES, min_size=1))
def test_what_is_written_is_meant_and_shown_as_it_was_written(
    of: dict[str, str], others: list[str], elsewhere: list[str]
) -> None:
    own = {name: base + name for name, base in of.items()}
    try:
        names = names_of(own, CORE)
    except RuleRefused:
        return  # NGSI-LD says what it is: told below
    for name in (*own, *others):
        meant = names.expand(name)
        assert meant == own.get(name, CORE.expand(name))
        assert names.expand(names.compact(meant)) == meant
        assert names.compact(meant) == CORE.compact(CORE.expand(name)) or name in own
        if name in own:
            assert names.compact(meant) == name
    # Nothing else hides behind a short name: two addresses never show as one.
    every = {base + name for name in (*own, *others) for base in elsewhere} | set(own.values())
    assert len({names.compact(iri) for iri in every}) == len(every)


@pytest.mark.parametrize(
    ("name", "iri", "en"),
    [
        ("free", HERE + "secret", "whose last part is the name itself"),
        ("free", "free", "whose last part is the name itself"),
        ("free", HERE + 'x"/free', "whose last part is the name itself"),
        ("location", HERE + "location", "NGSI-LD itself says"),
        ("observedAt", HERE + "observedAt", "NGSI-LD itself says"),
        ("id", HERE + "id", "NGSI-LD itself says"),
    ],
)
def test_no_name_says_something_else_than_it_stands_for(name: str, iri: str, en: str) -> None:
    with pytest.raises(RuleRefused, match=en) as refused:
        names_of({name: iri}, CORE)
    assert f"names.{name}" in refused.value.words.ja


def test_a_set_is_judged_by_long_names_and_asks_by_its_short_ones() -> None:
    [rule] = compiled(text.read(with_names(RULES, OWN)), CORE).rules
    assert (*rule.types, *rule.watch) == (LOT, FREE)
    assert rule.acts[0].sets == (DEFAULT_VOCAB + "state",), "a name that is not its own is the core's"
    number: Any = {"type": "Property", "value": 2}
    doc: Any = {
        "id": "urn:x",
        "type": [LOT],
        "attrs": {FREE: [number], DEFAULT_VOCAB + "free": [dict(number, value=9)]},
    }
    found = values_of(doc, rule.names.compact)
    assert found == {"id": "urn:x", "type": ["Lot"], "free": 2.0, DEFAULT_VOCAB + "free": 9.0}
    assert rule.condition is not None
    assert rule.condition.of({"entity": found, "before": {"free": 3.0}, "observed": {}, "changed": [], "at": None})


def test_a_text_takes_its_names_along_and_gives_them_back() -> None:
    named = with_names(RULES, OWN)
    assert tomllib.loads(named) == {**tomllib.loads(RULES), "names": OWN}
    assert without_names(named, OWN) == RULES, "with its comments"
    assert with_names(named, OWN) == named, "done again it changes nothing"
    assert without_names(RULES, OWN) == RULES
    assert without_names("name = ", OWN) == "name = "


def test_names_of_the_towns_own_stay_when_the_packs_are_taken_out() -> None:
    more = {**OWN, "seats": "urn:town:seats"}
    left = without_names(with_names(RULES, more), OWN)
    assert text.read(left).names == {"seats": "urn:town:seats"}
    assert text.read(with_names(left, OWN)).names == more
    assert text.read(without_names(text.write(text.read(with_names(RULES, OWN))), OWN)) == text.read(RULES)


def test_a_text_that_spells_a_name_in_full_means_what_it_meant() -> None:
    """Packs that were written before names were read: they go on finding what they ask for."""
    full = RULES.replace('"free"', f'"{FREE}"').replace(
        '"entity.free < 3 && has(before.free)"', f"'entity[\"{FREE}\"] < 3'"
    )
    named = with_names(full, OWN)
    assert text.read(named).names == {"Lot": LOT}
    [rule] = compiled(text.read(named), CORE).rules
    assert rule.watch == {FREE}
    assert rule.names.compact(FREE) == FREE


def test_what_the_set_calls_short_is_not_asked_for_in_full() -> None:
    written = with_names(RULES, OWN).replace('"entity.free < 3 && has(before.free)"', f"'entity[\"{FREE}\"] < 3'")
    with pytest.raises(RuleRefused, match="rule full: condition: in this set"):
        compiled(text.read(written), CORE)
