"""What there is to tell, who wants to hear of it, and where their notices wait. Moments in microseconds."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kumihimo.base.errors import BadRequestData, Problem

Channel = Literal["email", "push"]
CHANNELS: Final[tuple[Channel, ...]] = ("email", "push")
State = Literal["waiting", "sent", "dropped"]
Why = Literal["", "gone", "refused", "expired", "stopped", "unentitled", "failed"]
"""Why a message was dropped. gone: the browser's subscription is over; refused: by the mail server or the push service;
expired: it was too old; stopped: the person wants no more; unentitled: the person has nothing to do in the town now.
"""
HOUR: Final = 3600 * 1_000_000
DAY: Final = 24 * HOUR
MAX_AREAS: Final = 5
MAX_DEVICES: Final = 5
MAX_METRES: Final = 50_000
MIN_METRES: Final = 100
MAX_LISTS: Final = 50
MAX_ENTRIES: Final = 5_000
"""People on one list."""
MAX_RECIPIENTS: Final = 50_000
"""People of one tenant, on lists and by themselves."""
MAX_NAME: Final = 100
MAX_CONFIRMS: Final = 5
"""Mails that ask whether an address is right, for one person in a day."""
CONFIRM_FOR: Final = 3 * DAY
PER_HOUR: Final = 10
"""Notices to one person over one channel in an hour; what is urgent goes beyond it."""
LANGUAGES: Final = ("ja", "en", "ja-easy")


class Unconfirmable(Problem):
    """A link in a mail that is over, or was never one; the same words for both, so that nothing can be guessed."""

    title = "Link not valid"
    status = 404


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that people can want to hear of. title by language. is_closed: for lists of staff alone."""

    id: str
    title: Mapping[str, str]
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. id is the same for the same thing, however often it is told.

    title, text (what to do) and area by language; at: when it was seen; place in degrees, (longitude, latitude), None
    for the whole town; link: a path of the tenant's pages, "" for none; good_for: seconds after which nobody needs it;
    urgent: it goes in quiet hours too; since: when the platform had what it tells of, from which is counted how long it
    took until somebody was told, 0 where that is not counted.
    """

    id: str
    topic: str
    title: Mapping[str, str]
    text: Mapping[str, str]
    at: int
    place: tuple[float, float] | None = None
    area: Mapping[str, str] = field(default_factory=dict)
    urgent: bool = False
    link: str = ""
    good_for: int = 12 * 3600
    since: int = 0


@dataclass(frozen=True, slots=True)
class Area:
    """A circle: degrees and metres."""

    name: str
    lon: float
    lat: float
    metres: int


@dataclass(frozen=True, slots=True)
class Browser:
    """A web push subscription (W3C Push API): its endpoint, the keys in base64url, and a name for its owner."""

    id: str
    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    name: str = ""
    made_at: int = 0


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who wants to hear. account: whose wish it is, "" on a staff list, which `list` names.

    everywhere: in the whole town, beside the areas. email is written to only once confirmed_at is set; confirm and stop
    are the secrets of the links in mails; asked: when it was asked whether the address is right. quiet: hours of local
    time (from, until), None for none.
    """

    id: str
    account: str = ""
    list: str = ""
    name: str = field(default="", repr=False)
    lang: str = "ja"
    topics: tuple[str, ...] = ()
    everywhere: bool = False
    areas: tuple[Area, ...] = field(default=(), repr=False)
    email: str = field(default="", repr=False)
    confirmed_at: int = 0
    confirm: str = field(default="", repr=False)
    confirm_until: int = 0
    asked: tuple[int, ...] = ()
    stop: str = field(default="", repr=False)
    browsers: tuple[Browser, ...] = field(default=(), repr=False)
    quiet: tuple[int, int] | None = None
    made_at: int = 0

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Those by which the person can be reached now."""
        found: list[Channel] = ["email"] if self.email and self.confirmed_at else []
        return (*found, "push") if self.browsers else tuple(found)


def fresh(account: str = "", list_id: str = "", *, now: int, lang: str = "ja") -> Recipient:
    """Somebody who wants nothing yet."""
    stop = secrets.token_urlsafe(32)
    chosen = lang if lang in LANGUAGES else "ja"
    return Recipient(secrets.token_hex(12), account, list_id, lang=chosen, stop=stop, made_at=now)


@dataclass(frozen=True, slots=True)
class People:
    """A list that staff keep: for whom, for which purpose, and what is told to them."""

    id: str
    name: str
    purpose: str
    topics: tuple[str, ...]
    made_by: str
    made_at: int


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the outbox. notice "" asks whether an address is right; browser "" for e-mail."""

    id: str
    notice: str
    recipient: str
    channel: Channel
    browser: str
    due: int
    tries: int
    made_at: int
    state: State = "waiting"
    why: Why = ""
    done_at: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """A notice as it was taken: when, until when it is worth sending, when it was first handed over (0: not yet)."""

    notice: Notice
    taken_at: int
    until: int
    handed_at: int = 0


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many messages of a tenant wait, were sent and were dropped in the last thirty days."""

    waiting: int = 0
    sent: int = 0
    dropped: int = 0


Entitled = Callable[[str, str], Awaitable[bool]]
"""Whether this account has anything to do in this tenant."""
Offered = Callable[[str], Awaitable[Collection[str]]]
"""The topics, by id, of which there is anything to hear in a tenant now."""
NamedAreas = Callable[[str], Awaitable[Sequence[Area]]]
"""The areas of a tenant that have a name, to choose from."""
Handed = Callable[[str, Notice, int], Awaitable[None]]
"""Told with tenant, notice and moment when a notice was first handed over; a kill may swallow it, not the moment."""


@dataclass(frozen=True, slots=True)
class Took:
    """When what a notice tells of was seen (microseconds), and the seconds from `since` to its first handing over."""

    at: int
    seconds: float


TookFor = Callable[[str, str], Awaitable[Mapping[str, Took]]]
"""What the notices of a tenant took, by id: those of the last thirty days that say `since` and were handed over, or of
them the one of an id ("" for all).
"""


def took(told: Notice, handed_at: int) -> Took:
    """What a notice took that was first handed over then."""
    return Took(told.at, max(0, handed_at - told.since) / 1_000_000)


@dataclass(frozen=True, slots=True)
class Reached:
    """For how many people a notice was put on its way, and in how many messages."""

    people: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Most:
    """So many notices in an hour whose ids begin so."""

    beginning: str
    in_hour: int


Tell = Callable[[str, Notice], Awaitable[int]]
"""Tells a notice to whoever wants to hear of it; how many messages that makes, 0 where it was told before."""


def check_area(name: str, lon: float, lat: float, metres: int) -> Area:
    """A circle that can be. BadRequestData."""
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # false also for what is no number
        raise BadRequestData("the place needs a longitude and a latitude in degrees").worded("notices.refused.place")
    if not MIN_METRES <= metres <= MAX_METRES:
        said = f"the radius is {MIN_METRES} to {MAX_METRES} metres"
        raise BadRequestData(said).worded("notices.refused.metres", least=MIN_METRES, most=MAX_METRES)
    # Four decimals are ten metres: a notice by area needs no more, and less is kept of where somebody is.
    return Area(name.strip()[:MAX_NAME], round(lon, 4), round(lat, 4), metres)
