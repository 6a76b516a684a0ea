"""Who is to hear of a notice, and when; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from pyproj import Geod

from kumihimo.base import times
from kumihimo.base.times import JST
from kumihimo.service.notices.models import Area, Message, Notice, Recipient

"""Quiet hours are of the town's own time."""
_EARTH: Final = Geod(ellps="WGS84")


def metres_between(lon: float, lat: float, area: Area) -> float:
    """From a place to the middle of an area, along the earth (WGS 84)."""
    return float(_EARTH.inv(lon, lat, area.lon, area.lat)[2])


def nearest(notice: Notice, areas: Collection[Area]) -> tuple[Area, float] | None:
    """Of the areas in which the notice's place lies the one whose middle is nearest, and how far that is in metres."""
    if notice.place is None:
        return None
    lon, lat = notice.place
    inside = [(area, away) for area in areas if (away := metres_between(lon, lat, area)) <= area.metres]
    return min(inside, key=lambda one: one[1], default=None)


def wants(notice: Notice, recipient: Recipient, topics: Collection[str]) -> bool:
    """Whether the recipient wants to hear of it; topics: theirs, or their list's.

    What is of no place concerns the whole town, and whoever chose a place in it too.
    """
    if notice.topic not in topics:
        return False
    return recipient.everywhere or notice.place is None or nearest(notice, recipient.areas) is not None


def quiet_until(recipient: Recipient, now: int) -> int:
    """The end of the quiet hours in which `now` lies; now itself where it lies in none."""
    if recipient.quiet is None or recipient.quiet[0] == recipient.quiet[1]:
        return now
    begin, end = recipient.quiet
    local = times.from_micros(now).astimezone(JST)
    hour = local.hour
    inside = begin <= hour < end if begin < end else hour >= begin or hour < end
    if not inside:
        return now
    day = local.date() + timedelta(days=1 if hour >= end else 0)
    return times.micros(datetime(day.year, day.month, day.day, end, tzinfo=JST))


def messages(notice: Notice, recipient: Recipient, now: int) -> Iterator[Message]:
    """One message for each way to the recipient; the same notice makes the same ids."""
    due = now if notice.urgent else quiet_until(recipient, now)
    if "email" in recipient.channels:
        yield Message(message_id(notice.id, recipient.id, "email"), notice.id, recipient.id, "email", "", due, 0, now)
    for one in recipient.browsers:
        name = message_id(notice.id, recipient.id, f"push {one.id}")
        yield Message(name, notice.id, recipient.id, "push", one.id, due, 0, now)


def message_id(notice: str, recipient: str, way: str) -> str:
    """The id of a message, by which whoever gets it twice can tell."""
    return hashlib.sha256(f"{notice}\0{recipient}\0{way}".encode()).hexdigest()[:32]
