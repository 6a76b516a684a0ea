"""Rain gauges: millimetres in the hour that ends at observedAt (Japan's record stands at 187 mm)."""

from __future__ import annotations

from kumihimo.device.codecs.table import VOCAB, Family, Row, number_between

RAIN_GAUGE = Family(
    "rain-gauge",
    (
        Row("rain", VOCAB + "precipitation", "MMT", number_between(0, 400, own_range=True)),
        Row("battery", VOCAB + "batteryVoltage", "VLT", number_between(0, 60), is_required=False),
    ),
)
