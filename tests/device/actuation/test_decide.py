from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.times import JST
from kumihimo.device.actuation.capability import ABILITIES, check_command
from kumihimo.device.actuation.decide import judge
from kumihimo.device.actuation.models import ArbiterLimits, Asked
from kumihimo.device.words import Refused

LOUD = Asked(level=2, is_loud=True)


@pytest.mark.parametrize(("start", "end", "quiet"), [(21, 7, {21, 23, 0, 5, 6}), (0, 6, {0, 5}), (12, 14, {12, 13})])
def test_quiet_hours_also_over_midnight(start: int, end: int, quiet: set[int]) -> None:
    limits = ArbiterLimits(quiet_from=start, quiet_until=end)
    for hour in (0, 5, 6, 7, 11, 12, 13, 14, 20, 21, 23):
        moment = datetime(2026, 1, 1, hour, 30, tzinfo=JST)
        if hour in quiet:
            with pytest.raises(Refused):
                judge(LOUD, [], moment, limits)
        else:
            judge(LOUD, [], moment, limits)


@given(st.integers(0, 86_399), st.integers(0, 4), st.booleans())
def test_what_makes_things_quiet_is_never_held_back(second: int, level: int, is_loud: bool) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    asked, none = Asked(level, is_loud=is_loud), ArbiterLimits(per_minute=0)
    assert [_is_refused(one, moment, none) for one in (asked, replace(asked, is_safe=True))] == [True, False]


def _is_refused(asked: Asked, moment: datetime, limits: ArbiterLimits) -> bool:
    try:
        judge(asked, [], moment, limits)
    except Refused:
        return True
    return False


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | st.lists(st.integers())
names = st.sampled_from(["text", "level", "pattern", "seconds", "urgent", "override"]) | st.text(max_size=5)


@given(
    st.sampled_from([*ABILITIES, "gauge"]),
    st.sampled_from(["show", "clear", "sound", "stop"]),
    st.dictionaries(names, values, max_size=4),
)
def test_any_arguments_are_checked_or_refused(family: str, name: str, arguments: dict[str, object]) -> None:
    try:
        asked = check_command(family, name, arguments)
    except Refused as refusal:
        assert refusal.words.ja  # noqa: PT017 - both ends are good ones
        return
    assert set(asked.sent) <= {"text", "level", "pattern", "seconds"}
    assert 0 <= asked.level <= 4
