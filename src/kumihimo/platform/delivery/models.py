"""A subscription as it is stored and as it is compiled (ETSI GS CIM 009 clauses 5.2.12 to 5.2.15), and what is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from kumihimo.base.call import Actor
from kumihimo.base.ports import MqttServer
from kumihimo.platform.broker.models import GeoQuery, QNode, TypeNode
from kumihimo.platform.broker.scopes import ScopeNode
from kumihimo.platform.jsonld.conformance import Version

Trigger = Literal[
    "entityCreated", "entityUpdated", "entityDeleted", "attributeCreated", "attributeUpdated", "attributeDeleted"
]
TRIGGERS: tuple[Trigger, ...] = (
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
)
DEFAULT_TRIGGERS: frozenset[Trigger] = frozenset(("attributeCreated", "attributeUpdated"))
"""Clause 5.2.12: what is meant where notificationTrigger is not given."""
ENTITY_UPDATED: frozenset[Trigger] = DEFAULT_TRIGGERS | {"attributeDeleted"}
"""Clause 5.2.12: what entityUpdated is equivalent to."""

Form = Literal["normalized", "concise", "simplified"]
Join = Literal["@none", "flat", "inline"]
Accept = Literal["application/json", "application/ld+json", "application/geo+json"]


@dataclass(frozen=True, slots=True)
class StoredSubscription:
    """A row: document as it was given, its @context's source, what its terms meant, and who made it.

    scopes are what its maker's token was limited to, None for no limit; application by which one a person made it, ""
    where by none. start_seq is the log's head when it was made;
    it hears what comes after. Moments are microseconds.
    """

    id: str
    document: dict[str, Any]
    context: Any
    terms: Mapping[str, str]
    actor: Actor
    start_seq: int
    created_at: int
    modified_at: int
    scopes: frozenset[str] | None = None
    application: str = ""


@dataclass(frozen=True, slots=True)
class Selector:
    """One entry of `entities`; empty members do not restrict. pattern is an RE2-subset text."""

    types: TypeNode | None
    ids: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Projection:
    """Which members are told (clause 4.21): of the entity itself, and of those behind a relationship by its name."""

    pick: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    linked: tuple[tuple[str, Projection], ...] = ()


@dataclass(frozen=True, slots=True)
class Aim:
    """Where and how a notification is published over MQTT (clause 7.2)."""

    server: MqttServer
    topic: str
    qos: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where notifications go (clause 5.2.15). timeout and cooldown in seconds; mqtt is set for MQTT endpoints."""

    uri: str
    accept: Accept = "application/json"
    receiver_info: tuple[tuple[str, str], ...] = ()
    timeout: float = 10.0
    cooldown: float = 0.0
    mqtt: Aim | None = None

    @property
    def prefers_json(self) -> bool:
        """Whether GeoJSON is to go without @context inside: "Prefer: body=json" among what the receiver is told."""
        said = [value for key, value in self.receiver_info if key.lower() == "prefer"]
        return any(part.strip() == "body=json" for value in said for part in value.split(","))

    @property
    def key(self) -> str:
        """What counts as one endpoint: scheme, host, port and path or topic; no credentials."""
        parts = urlsplit(self.uri)
        if self.mqtt is not None:
            return f"{parts.scheme}://{self.mqtt.server.host}:{self.mqtt.server.port}/{self.mqtt.topic}"
        return f"{parts.scheme}://{parts.netloc.lower()}{parts.path or '/'}"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription compiled for matching and rendering: all names expanded.

    projection chooses what is shown; expires_at is in microseconds, 0 for never; throttling in
    seconds, 0 for none; interval in seconds, 0 where changes are told. datasets are the instances that are shown, ""
    for the default instance and None for all. join_level is how many links deep linked entities are told of, 0 for not
    at all; q_links whether q asks about them. splits
    says that a notification is of one entity. version is what notifications conform to, None for ours.
    """

    stored: StoredSubscription
    selectors: tuple[Selector, ...]
    watched: frozenset[str]
    triggers: frozenset[Trigger]
    q: QNode | None
    geo: GeoQuery | None
    endpoint: Endpoint
    projection: Projection = Projection()
    form: Form = "normalized"
    sys_attrs: bool = False
    lang: str = ""
    json_ld_context: str = ""
    throttling: float = 0.0
    expires_at: int = 0
    is_active: bool = True
    interval: float = 0.0
    scopes: ScopeNode | None = None
    datasets: frozenset[str] | None = None
    show_changes: bool = False
    version: Version | None = None
    join: Join = "@none"
    join_level: int = 0
    q_links: bool = False
    splits: bool = False

    @property
    def id(self) -> str:
        """The subscription's id."""
        return self.stored.id

    def status(self, now: int) -> Literal["active", "paused", "expired"]:
        """Clause 5.2.12 `status` at this moment, in microseconds."""
        if self.expires_at and self.expires_at <= now:
            return "expired"
        return "active" if self.is_active else "paused"


@dataclass(frozen=True, slots=True)
class State:
    """What became of a subscription's notifications; moments in microseconds, 0 for never.

    times_sent counts every attempt, times_failed those that the endpoint did not take.
    """

    times_sent: int = 0
    times_failed: int = 0
    last_notification: int = 0
    last_success: int = 0
    last_failure: int = 0
    last_queued: int = 0


@dataclass(slots=True)
class Tally:
    """What was tried for a subscription since: attempts, those that failed, the newest of each in microseconds."""

    id: str
    sent: int = 0
    failed: int = 0
    success: int = 0
    failure: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One notification that waits to be sent. Order is kept within subscription and entity.

    headers are those that belong to the body (Content-Type, Link, tenant); the receiver's own are added when sent.
    entities are those it tells of where it may tell of several; entity is "" then. seq is its place in the outbox.
    """

    id: str
    subscription: str
    entity: str
    endpoint: str
    at: int
    body: str
    headers: Mapping[str, str]
    attempts: int = 0
    seq: int = 0
    entities: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The lanes in which it stands."""
        return self.entities or (self.entity,)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to send. at in microseconds, took in milliseconds; status is the endpoint's, 0 where none came.

    MQTT has no status: 200 stands for a message that its server took.
    """

    subscription: str
    notification: str
    entity: str
    at: int
    took: int
    status: int
    detail: str
    entities: tuple[str, ...] = ()

    @property
    def taken(self) -> bool:
        """Whether the endpoint took the notification."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Rest:
    """An endpoint that is left alone until then (microseconds), after so many failures in a row."""

    until: int
    failed: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A notification that was given up, with the reason; it can be replayed."""

    id: str
    subscription: str
    entity: str
    at: int
    attempts: int
    buried_at: int
    reason: str
    body: str
