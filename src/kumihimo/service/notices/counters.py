"""What became of messages since this process began, for /metrics: by channel, of no tenant and no person."""

from __future__ import annotations

from typing import Final, Literal, get_args

from kumihimo.service.notices.models import CHANNELS, Channel, Why

What = Literal["queued", "handed", "put_off"]
"""queued: kept to be sent; handed: the mail server or the push service took it; put_off: it comes later."""
_NAMES: Final = (*get_args(What), *(f"dropped_{why}" for why in get_args(Why) if why))


class Counters:
    """Numbers by name, as "handed_email_total" or "dropped_push_gone_total"; all are there from the beginning."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, Channel], int] = {(name, one): 0 for name in _NAMES for one in CHANNELS}

    def add(self, what: What, channel: Channel, many: int = 1) -> None:
        """So many messages more."""
        self._numbers[what, channel] += many

    def dropped(self, why: Why, channel: Channel, many: int = 1) -> None:
        """So many messages more that are not sent, and why."""
        self._numbers[f"dropped_{why}", channel] += many

    def numbers(self) -> dict[str, float]:
        """All of them."""
        found = {}
        for (what, channel), many in self._numbers.items():
            head, _, why = what.partition("dropped_")
            found[f"dropped_{channel}_{why}_total" if why else f"{head}_{channel}_total"] = float(many)
        return found
