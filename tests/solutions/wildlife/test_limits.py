"""When a siren may sound, and the reason where it may not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.errors import BadRequestData
from kumihimo.solutions.wildlife.limits import MINUTE, SirenRule, judge, night
from kumihimo.solutions.wildlife.moments import micros_of
from kumihimo.solutions.wildlife.rule import rule_change, rule_of, rule_of_form

DAY = date(2024, 10, 5)
FORM = {"quiet_from": "22", "quiet_until": "6", "per_night": "4", "pause": "15"}


def at(hour: int, minute: int = 0, day: date = DAY) -> int:
    return micros_of(day, hour * 60 + minute)


@pytest.mark.parametrize(("hour", "silent"), [(21, False), (22, True), (23, True), (3, True), (5, True), (6, False)])
def test_at_night_none_sounds_beside_houses(hour: int, silent: bool) -> None:
    refused = judge(SirenRule(), at(hour), [], beside_houses=True)
    assert (refused is not None) is silent
    assert judge(SirenRule(), at(hour), [], beside_houses=False) is None
    assert judge(SirenRule(night_beside_houses=True), at(hour), [], beside_houses=True) is None
    if refused is not None:
        assert "22:00-6:00" in refused.en
        assert "22:00-6:00" in refused.ja


def test_hours_inside_one_day_and_no_hours_at_all() -> None:
    assert judge(SirenRule(quiet_from=1, quiet_until=5), at(0, 59), [], beside_houses=True) is None
    assert judge(SirenRule(quiet_from=1, quiet_until=5), at(4, 59), [], beside_houses=True) is not None
    assert judge(SirenRule(quiet_from=0, quiet_until=0), at(3), [], beside_houses=True) is None


def test_a_night_has_its_budget_and_a_new_night_a_new_one() -> None:
    rule = SirenRule(per_night=2, pause=5)
    sounded = [at(20), at(21)]
    refused = judge(rule, at(23), sounded, beside_houses=False)
    assert refused is not None
    assert "2 times" in refused.en
    assert judge(rule, at(11, 59, date(2024, 10, 6)), sounded, beside_houses=False) is not None
    assert judge(rule, at(12, 0, date(2024, 10, 6)), sounded, beside_houses=False) is None
    assert judge(SirenRule(per_night=0), at(15), [], beside_houses=False) is not None


def test_between_two_lies_a_pause() -> None:
    rule = SirenRule(pause=15)
    refused = judge(rule, at(20, 14), [at(20)], beside_houses=False)
    assert refused is not None
    assert "15 minutes" in refused.en
    assert judge(rule, at(20, 15), [at(20)], beside_houses=False) is None


@given(st.lists(st.integers(0, 48 * 60), max_size=60), st.integers(0, 6), st.integers(5, 60))
def test_no_night_ever_has_more_than_its_budget(minutes: list[int], budget: int, pause: int) -> None:
    rule, sounded = SirenRule(per_night=budget, pause=pause), list[int]()
    for minute in sorted(minutes):
        moment = micros_of(DAY, minute)
        if judge(rule, moment, sounded, beside_houses=False) is None:
            assert all(moment - before >= pause * MINUTE for before in sounded if night(before) == night(moment))
            sounded.append(moment)
    for one in sounded:
        assert sum(night(other) == night(one) for other in sounded) <= budget


def test_a_rule_survives_its_entity_and_nonsense_gives_the_careful_one() -> None:
    rule = rule_of_form({**FORM, "automatic": "yes", "who": "山田", "reason": "通学路"}, "")
    assert rule.is_automatic()
    doc = rule_change(rule).doc
    assert rule_of(doc) == rule
    assert rule_of(None) == SirenRule()
    assert rule_of(rule_change(SirenRule(quiet_from=99)).doc) == SirenRule()
    assert rule_of({"id": "x", "type": ["T"], "attrs": {}}) == SirenRule()


@pytest.mark.parametrize(
    "wrong", [{"quiet_from": "24"}, {"per_night": "21"}, {"pause": "4"}, {"pause": "x"}, {"automatic": "yes"}]
)
def test_a_rule_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadRequestData):
        rule_of_form(FORM | wrong, "")


def test_who_is_logged_in_signs_whatever_the_form_says() -> None:
    rule = rule_of_form({**FORM, "automatic": "yes", "who": "somebody else", "reason": "r"}, "田中")
    assert rule.allowed_by == "田中"
