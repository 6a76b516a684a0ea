"""Shared subscriptions (MQTT 5.0 section 4.8.2): each message goes to one member of the group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from kumihimo.network.mqtt.errors import FILTER_INVALID, MqttError
from kumihimo.network.mqtt.session import Session, Subscription

PREFIX: Final = "$share/"


class Share(NamedTuple):
    """The name of a group, "" where the subscription is not shared, and the filter that it stands for."""

    group: str
    topic_filter: str


def share_of(topic_filter: str) -> Share:
    """What a filter of SUBSCRIBE means. MqttError for a shared one without a name or a filter (4.8.2)."""
    if not topic_filter.startswith(PREFIX):
        return Share("", topic_filter)
    group, slash, inner = topic_filter.removeprefix(PREFIX).partition("/")
    if not group or not slash or not inner or "+" in group or "#" in group:
        raise MqttError(FILTER_INVALID, "a shared subscription is $share/{name}/{filter}; the name holds no wildcard")
    return Share(group, inner)


@dataclass(eq=False, slots=True)
class Group:
    """The members of one group on one filter within one tenant, in the order in which their turn comes."""

    members: dict[Session, Subscription] = field(default_factory=dict)

    def pick(self, may: Callable[[Session], bool]) -> tuple[Session, Subscription] | None:
        """Whose turn it is: a connected member with room, else one that is away and keeps its session."""
        away = None
        for session, subscription in self.members.items():
            if not may(session):
                continue
            if session.link is not None and session.has_room:
                return self._turn(session, subscription)
            if away is None and session.is_kept and session.has_room:
                away = (session, subscription)
        return None if away is None else self._turn(*away)

    def _turn(self, session: Session, subscription: Subscription) -> tuple[Session, Subscription]:
        """Puts the member behind all others."""
        del self.members[session]
        self.members[session] = subscription
        return session, subscription
