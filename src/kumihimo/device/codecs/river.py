"""River gauges: the water level above the gauge's own zero, which may be negative."""

from __future__ import annotations

from kumihimo.device.codecs.table import VOCAB, Family, Row, number_between

RIVER_GAUGE = Family(
    "river-gauge",
    (
        Row("level", VOCAB + "waterLevel", "MTR", number_between(-20, 60, own_range=True)),
        Row("battery", VOCAB + "batteryVoltage", "VLT", number_between(0, 60), is_required=False),
    ),
)
