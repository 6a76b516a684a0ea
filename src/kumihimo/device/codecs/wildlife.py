"""Devices against damage by animals: sensors that name what they saw, switches of traps, lights."""

from __future__ import annotations

from typing import Any

from kumihimo.device.codecs.table import VOCAB, Family, Row, number_between, short_text
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused


def _flag(field: str, value: Any, _device: Device) -> bool:
    if not isinstance(value, bool):
        raise Refused(f"{field} は true か false で送ってください。", f"{field} must be true or false.")
    return value


ANIMAL_SENSOR = Family(
    "animal-sensor",
    (
        Row("confidence", VOCAB + "detectionConfidence", "", number_between(0, 1), is_required=False),
        Row("species", VOCAB + "detectedSpecies", "", short_text(60)),
    ),
)
"""species is the label that the sensor gives; no picture is taken. It is written last: whoever sees it in the log finds
beside it how sure the sensor was.
"""

TRAP_SWITCH = Family(
    "trap-switch",
    (
        Row("closed", VOCAB + "trapClosed", "", _flag),
        Row("battery", VOCAB + "batteryVoltage", "VLT", number_between(0, 60), is_required=False),
    ),
)
LIGHT = Family("light", (Row("state", VOCAB + "state", "", short_text(40)),))
