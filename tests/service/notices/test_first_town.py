"""Which town the page of notices begins with, for somebody who is at home in several."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kumihimo.service.notices.door import Notices
from kumihimo.service.notices.models import Topic
from kumihimo.service.notices.pages import MOST_LOOKED_AT, first_town

OPEN, CLOSED = Topic("t.open", {"ja": "一", "en": "one"}), Topic("t.closed", {"ja": "二", "en": "two"}, is_closed=True)


class Given:
    def __init__(self, kept: str, topics: dict[str, list[Topic]]) -> None:
        self._kept, self._topics = kept, topics

    async def mine(self, town: str, account: str) -> Any:
        assert account == "p-1"
        return object() if town == self._kept else None

    async def topics_of(self, town: str) -> list[Topic]:
        return self._topics.get(town, [])


@pytest.mark.parametrize(
    ("kept", "topics", "first"),
    [
        ("", {}, "a"),
        ("", {"a": [CLOSED], "c": [OPEN, CLOSED]}, "c"),
        ("b", {"c": [OPEN]}, "b"),
    ],
)
async def test_the_page_begins_where_there_is_something_to_choose(
    kept: str, topics: dict[str, list[Topic]], first: str
) -> None:
    notices = cast("Notices", Given(kept, topics))
    assert await first_town(notices, "p-1", ["a", "b", "c"]) == first
    many = [f"t{number}" for number in range(MOST_LOOKED_AT)]
    assert await first_town(notices, "p-1", [*many, "b", "c"]) == "t0"
