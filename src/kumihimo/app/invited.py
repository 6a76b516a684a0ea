"""Invented people of a demonstration who are told by letter: a list in each of its towns, so that notices arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kumihimo.app.platform import Platform
from kumihimo.service.notices.lists import Lists
from kumihimo.solutions.flood import telling as flood
from kumihimo.solutions.wildlife import telling as wildlife

BY: Final = "system:demo"


@dataclass(frozen=True, slots=True)
class Invited:
    """A list: its name and purpose as the town would write them, what it is told, and who is on it (CSV)."""

    name: str
    purpose: str
    topics: Sequence[str]
    people: str


HUNTERS: Final = Invited(
    "猟友会（デモ）",
    "見回りと捕獲のため / for rounds of traps (demonstration)",
    tuple(one.id for one in wildlife.TOPICS),
    "メールアドレス,氏名\nhunter1@example.com,デモ 猟太\nhunter2@example.com,デモ 見回\n",
)
FLOOD_FIGHTERS: Final = Invited(
    "水防団（デモ）",
    "水防活動のため / for flood fighting (demonstration)",
    tuple(one.id for one in flood.TOPICS),
    "メールアドレス,氏名\nsuibo@example.com,デモ 水防\n",
)


async def invite(platform: Platform, tenant: str, one: Invited) -> None:
    """Makes the list where the town has none, and says yes for who is on it, whom nobody could ask; but only where
    letters stay in a folder, as these addresses are nobody's.
    """
    lists = Lists(platform.notices)
    if not platform.settings.mail_folder or await lists.all(tenant):
        return
    made = await lists.make(tenant, one.name, one.purpose, tuple(one.topics), BY)
    await lists.take(tenant, made.id, one.people)
    _, people = await lists.one(tenant, made.id)
    for each in people:
        await platform.notices.confirm(tenant, f"{each.id}.{each.confirm}")
