"""The units that are known: codes as UN/CEFACT Recommendation 20 (revision 17) has them, and those that are not."""

from __future__ import annotations

import re

import pytest

from kumihimo.device.codecs.units import UNITS
from kumihimo.service.console import values


def test_a_code_is_two_or_three_capitals_and_digits() -> None:
    assert [one for one in UNITS if not re.fullmatch(r"[A-Z0-9]{2,3}", one)] == []
    assert len(UNITS) > 90


def test_every_unit_that_the_pages_write_by_its_symbol_may_be_given() -> None:
    assert values.UNITS.keys() - UNITS == set()


@pytest.mark.parametrize(
    ("code", "symbol"),
    [("A97", "hPa"), ("CEL", "°C"), ("H67", "mm/h"), ("GQ", "µg/m³"), ("59", "ppm"), ("MQS", "m³/s"), ("DD", "°")],
)
def test_what_a_code_stands_for(code: str, symbol: str) -> None:
    assert (code in UNITS, values.UNITS[code]) == (True, symbol)


@pytest.mark.parametrize("code", ["HPA", "HAR", "HPA2", "%", "", "CE"])
def test_what_is_something_else_deprecated_or_no_code_is_not_known(code: str) -> None:
    """HPA is a hectolitre of pure alcohol, HAR a hectare until it was deprecated."""
    assert (code in UNITS, code in values.UNITS) == (False, False)
