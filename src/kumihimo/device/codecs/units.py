"""Units that a declared family may give: common codes of what towns measure, out of UN/CEFACT Recommendation 20,
"Codes for Units of Measure Used in International Trade", revision 17 (2021), annexes II and III.

Each was held against that list. What it marks as deprecated is not here: a hectare is H18 (square hectometre), no
longer HAR. And HPA is a hectolitre of pure alcohol: the hectopascal is A97.

The recommendation has some two thousand; one that is not known here is refused, so that a slip of the pen is told.
"""

from __future__ import annotations

from typing import Final

UNITS: Final[frozenset[str]] = frozenset(
    """
    2M 2N 2Z 4K 59 61 A97 A99 AD AMP ANN BAR BQL C24 C26 C62 C81 CDL CEL CLT CMK CMQ CMT D10 D54 DAY DBM
    DD DMQ DMT DTN E32 E34 FAH FOT FTK G42 G51 GL GLL GP GQ GRM GV H18 H29 H67 H87 HTZ HUR IE INH JOU KEL
    KGM KHZ KJO KMH KMK KMQ KMT KNT KPA KVA KVR KVT KWH KWT L2 LTR LUM LUX M1 MAW MBR MC MGM MHZ MIN MLT
    MMK MMQ MMT MON MPA MQH MQS MSK MTK MTQ MTR MTS MWH NA NEW NTU OHM P1 P72 PAL Q30 RPM SEC SMI TNE VLT
    WHR WTT
    """.split()  # noqa: SIM905 - a list of this length is read more easily as a text
)
