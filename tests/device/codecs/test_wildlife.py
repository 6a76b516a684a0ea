"""Sensors that name an animal, switches of traps, lights."""

from __future__ import annotations

import pytest

from kumihimo.base.jsontext import dumps
from kumihimo.base.ports import Reading
from kumihimo.device.codecs.families import decode
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Words

OBSERVED = "2024-10-05T18:20:00+09:00"


def told(family: str, **fields: object) -> list[Reading | Words]:
    device = Device("d", family, "d", "urn:ngsi-ld:T:1", "https://uri.etsi.org/ngsi-ld/default-context/T")
    return decode(family, dumps({"observedAt": OBSERVED, **fields}), device)


def test_a_sensor_names_what_it_saw_and_how_sure_it_is() -> None:
    confidence, species = told("animal-sensor", species="Ursus thibetanus", confidence=0.8)
    assert isinstance(species, Reading)
    assert isinstance(confidence, Reading)
    assert (species.value, confidence.value) == ("Ursus thibetanus", 0.8)
    assert len(told("animal-sensor", species="bear")) == 1


def test_a_switch_says_whether_the_trap_is_closed() -> None:
    [closed] = told("trap-switch", closed=True)
    assert isinstance(closed, Reading)
    assert closed.value is True


@pytest.mark.parametrize(
    ("family", "fields"),
    [
        ("animal-sensor", {"species": "bear", "confidence": 1.1}),
        ("animal-sensor", {"species": ""}),
        ("animal-sensor", {"species": "x" * 61}),
        ("trap-switch", {"closed": 1}),
        ("trap-switch", {"closed": "true"}),
        ("light", {}),
    ],
)
def test_what_no_such_device_says_is_refused_in_words(family: str, fields: dict[str, object]) -> None:
    [words] = told(family, **fields)
    assert isinstance(words, Words)
