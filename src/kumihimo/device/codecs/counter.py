"""Counters: how many there are now of what the device counts, such as free spaces of a car park or people in a hall."""

from __future__ import annotations

from kumihimo.device.codecs.table import VOCAB, Family, Row, number_between

COUNTER = Family(
    "counter",
    (
        Row("count", VOCAB + "count", "", number_between(0, 1_000_000, own_range=True)),
        Row("battery", VOCAB + "batteryVoltage", "VLT", number_between(0, 60), is_required=False),
    ),
)
