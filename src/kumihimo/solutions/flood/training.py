"""A gauge for trying things out: no river has it, no record plays it, and everything about it says so.

A visitor's readings go to this gauge, so that they stand neither between nor after the recorded ones of a real gauge,
whose later readings would then be late.
"""

from __future__ import annotations

from kumihimo.solutions.flood.models import Gauge, Thresholds

TRAINING = "training"

TRAINING_GAUGE = Gauge(
    id=TRAINING,
    name="訓練用水位計",
    river="訓練",
    address="福井市（訓練用の架空の位置・基準水位）",
    municipality="福井市",
    manager="",
    thresholds=Thresholds(standby=3.5, caution=4.8, evacuation=5.6, danger=6.1),
    lon=136.1,
    lat=36.06,
    position_source="made up",
    training=True,
)
"""It lies west of the city, where no gauge is; its thresholds are those of a typical gauge of the city."""
