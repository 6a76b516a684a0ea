"""Units that a declared family may give: UN/CEFACT common codes (Recommendation 20) of what towns measure.

The recommendation has some two thousand; one that is not known here is refused, so that a slip of the pen is told.
"""

from __future__ import annotations

from typing import Final

UNITS: Final[frozenset[str]] = frozenset(
    """
    2M 2N 2Z 4K 59 61 A97 A99 AD AMP ANN BAR BQL C24 C26 C62 C81 CDL CEL CLT CMK CMQ CMT D10 D54 DAY DBM
    DD DMQ DMT DTN E32 E34 FAH FOT FTK GLL GP GQ GRM GV H87 HAR HTZ HUR INH JOU KEL KGM KHZ KJO KMH
    KMK KMT KPA KVA KVR KVT KWH KWT L2 LTR LUM LUX M1 MAW MBR MC MGM MHZ MIN MLT MMK MMQ MMT MON MPA MQH
    MQS MTK MTQ MTR MTS MWH NEW OHM P1 PAL RPM SEC SMI TNE VLT WHR WTT
    """.split()  # noqa: SIM905 - a list of this length is read more easily as a text
)
