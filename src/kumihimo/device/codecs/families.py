"""All families by name."""

from __future__ import annotations

from typing import Final

from kumihimo.base.ports import Reading
from kumihimo.device.codecs.counter import COUNTER
from kumihimo.device.codecs.declared import read_table
from kumihimo.device.codecs.rain import RAIN_GAUGE
from kumihimo.device.codecs.river import RIVER_GAUGE
from kumihimo.device.codecs.table import Family, decode_table
from kumihimo.device.codecs.told import decode_declared
from kumihimo.device.codecs.warning import SIGN, SIREN
from kumihimo.device.codecs.wildlife import ANIMAL_SENSOR, LIGHT, TRAP_SWITCH
from kumihimo.device.registry.models import Device
from kumihimo.device.words import Refused, Words

FAMILIES: Final[dict[str, Family]] = {
    one.name: one for one in (RIVER_GAUGE, RAIN_GAUGE, COUNTER, SIGN, SIREN, ANIMAL_SENSOR, TRAP_SWITCH, LIGHT)
}
MAX_ITEMS: Final = 100


def decode(
    family: str, body: bytes, device: Device, max_items: int = MAX_ITEMS, *, arrived: int = 0
) -> list[Reading | Words]:
    """The readings of a message; words in place of each object that is refused. Raises Refused for the whole.

    arrived: now, in microseconds, which is the moment of measurement for families whose messages name none.
    """
    known = FAMILIES.get(family)
    if known is not None:
        return decode_table(known, body, device, max_items)
    if device.table:
        return decode_declared(read_table(device.table), body, device, max_items, arrived)
    raise Refused(
        f"端末の種類「{family}」は未対応です。登録を確認し、パックの種類であれば、そのパックを導入してください。",
        f"there is no device family {family!r}; check the device's registration, and whether its pack is installed.",
    )
