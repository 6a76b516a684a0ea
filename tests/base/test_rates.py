from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kumihimo.base.rates import Rates


def test_a_burst_then_one_for_each_that_comes_in() -> None:
    rates = Rates(2.0, burst_seconds=2.0)
    assert [rates.take("a", 0.0) for _ in range(4)] == [0.0] * 4
    assert rates.take("a", 0.0) == 0.5
    assert rates.take("a", 0.25) == 0.25
    assert rates.take("a", 0.5) == 0.0
    assert rates.take("b", 0.5) == 0.0, "another has its own"


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    rates = Rates(1.0, burst_seconds=1.0)
    assert rates.take("a", 10.0) == 0.0
    assert rates.take("a", 5.0) == 1.0
    assert rates.take("a", 6.0) == 0.0


def test_no_rate_keeps_nothing() -> None:
    rates = Rates(0.0)
    assert [rates.take(str(one), 0.0) for one in range(5)] == [0.0] * 5
    assert len(rates) == 0


def test_made_up_names_cost_bounded_memory_and_only_the_oldest() -> None:
    rates = Rates(1.0, burst_seconds=1.0, kept=3)
    for number in range(50):
        rates.take(str(number), 0.0)
        assert rates.take("mine", 0.0) == (1.0 if number else 0.0)
        assert len(rates) <= 3


@given(
    st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60),
    st.sampled_from([0.5, 1.0, 5.0]),
    st.sampled_from([1.0, 4.0]),
)
def test_never_more_than_the_burst_and_what_came_in(pauses: list[float], rate: float, burst_seconds: float) -> None:
    rates, now, taken = Rates(rate, burst_seconds=burst_seconds), 0.0, 0
    for pause in pauses:
        now += pause
        wait = rates.take("a", now)
        taken += wait == 0.0
        assert wait <= 1.0 / rate + 1e-9, "it never has to wait for longer than one token takes"
    elapsed = now - pauses[0]
    assert taken <= max(1.0, rate * burst_seconds) + elapsed * rate + 1e-6


def test_who_only_asks_how_long_takes_nothing() -> None:
    rates = Rates(0.5, burst_seconds=4)
    assert rates.wait("a", 0) == 0
    assert len(rates) == 0
    assert [rates.take("a", 0), rates.wait("a", 0), rates.wait("a", 0), rates.take("a", 0)] == [0, 0, 0, 0]
    assert [rates.wait("a", 0), rates.wait("a", 1), rates.wait("a", 2), rates.wait("b", 0)] == [2, 1, 0, 0]
    assert Rates(0).wait("a", 0) == 0
