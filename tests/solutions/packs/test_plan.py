"""What was shipped, what is shipped, what stands: whatever they are, nothing that is the town's is written over."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kumihimo.solutions.packs.models import Item, Step
from kumihimo.solutions.packs.plan import PENDING, Standing, key_of, steps_away, steps_of

TEXTS = st.sampled_from(["1", "2", "3"])
NAMES = st.sampled_from("abcde")
ITEMS = st.dictionaries(NAMES, TEXTS).map(lambda found: [Item("entity", name, text) for name, text in found.items()])
NOW = st.dictionaries(NAMES, TEXTS)


def standing(now: dict[str, str], shipped: list[Item]) -> dict[tuple[str, str], Standing]:
    owned = {one.name for one in shipped}
    return {("entity", name): Standing(now.get(name), "pack" if name in owned else "") for name in "abcde"}


def done(now: dict[str, str], steps: list[Step]) -> dict[str, str]:
    found = dict(now)
    for one in steps:
        if one.what in ("make", "change"):
            found[one.item.name] = one.item.text
        elif one.what == "take-away":
            del found[one.item.name]
    return found


@settings(max_examples=60)
@given(ITEMS, ITEMS, NOW)
def test_only_what_the_pack_shipped_and_nobody_changed_is_touched(
    shipped: list[Item], wanted: list[Item], now: dict[str, str]
) -> None:
    steps = steps_of("pack", shipped, wanted, standing(now, shipped))  # type: ignore[arg-type]  # kinds are ours
    old = {one.name: one.text for one in shipped}
    for one in steps:
        if one.what in ("change", "take-away"):
            assert now[one.item.name] == old[one.item.name]
        if one.what == "make":
            assert one.item.name not in now
            assert one.item.name not in old
    after = done(now, steps)
    new = {one.name: one.text for one in wanted}
    for name in "abcde":
        if name in old and now.get(name) == old[name]:
            assert after.get(name) == new.get(name), "what nobody changed is as the new version has it"
        elif name in now:
            assert after[name] == now[name], "what is the town's stays"


@settings(max_examples=60)
@given(ITEMS, NOW)
def test_done_again_there_is_nothing_to_do(wanted: list[Item], now: dict[str, str]) -> None:
    first = steps_of("pack", [], wanted, standing(now, []))  # type: ignore[arg-type]  # kinds are ours
    made = [one.item for one in first if one.what == "make"]
    again = steps_of("pack", made, made, standing(done(now, first), made))  # type: ignore[arg-type]  # kinds are ours
    assert again == []


@settings(max_examples=60)
@given(ITEMS, NOW)
def test_a_removal_leaves_what_was_there_before_and_what_the_town_changed(
    wanted: list[Item], later: dict[str, str]
) -> None:
    made = {one.name: one.text for one in wanted}
    now = {**made, **{name: text for name, text in later.items() if name in made}}
    steps = steps_away(wanted, standing(now, wanted), purge=False)  # type: ignore[arg-type]  # kinds are ours
    assert done(now, steps) == {name: text for name, text in now.items() if made[name] != text}
    all_gone = steps_away(wanted, standing(now, wanted), purge=True)  # type: ignore[arg-type]  # kinds are ours
    assert done(now, all_gone) == {}


def test_an_installation_that_was_broken_off_goes_on_where_it_stopped() -> None:
    noted, made = Item("entity", "a", "1", PENDING), Item("entity", "b", "1", PENDING)
    now = {key_of(noted): Standing(None, "pack"), key_of(made): Standing("1", "pack")}
    steps = steps_of("pack", [noted, made], [Item("entity", "a", "1"), Item("entity", "b", "1")], now)
    assert [(one.what, one.item.name) for one in steps] == [("make", "a")]


def test_what_another_pack_made_is_a_clash() -> None:
    item = Item("policies", "pack-x", "1")
    steps = steps_of("pack", [], [item], {key_of(item): Standing("1", "other")})
    assert [(one.what, one.words.en) for one in steps if one.words] == [("clash", "the pack other made it")]
