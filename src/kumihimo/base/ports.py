"""The doors by which the floors meet without naming each other; bound in `app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from kumihimo.base.call import Actor, Call, Caller

# --- device -> platform -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value of one attribute of one entity, as a codec made it.

    attribute and entity_type are expanded names; observed_at is the recorded moment in microseconds.
    """

    entity_id: str
    entity_type: str
    attribute: str
    value: Any
    observed_at: int
    unit_code: str = ""
    provided_by: str = ""


ReadingStatus = Literal["stored", "duplicate", "late", "refused"]


@dataclass(frozen=True, slots=True)
class ReadingOutcome:
    """What became of a reading; "late" was stored in history but did not replace newer state.

    detail says why; detail_ja is the same in Japanese, "" where nothing more than the status is known in it.
    """

    status: ReadingStatus
    detail: str = ""
    detail_ja: str = ""


class Ingest(Protocol):
    """Takes readings into the broker; returns once they are committed, in the order given.

    What the caller may not write is refused, each reading by itself.
    """

    async def __call__(self, call: Call, readings: Sequence[Reading]) -> list[ReadingOutcome]: ...


# --- MQTT carrier <-> device floor ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MqttPeer:
    """Who is at the other end of an MQTT connection, as MqttGate.connect decided.

    tenant and device are empty for a client without a device's credential (only under --open).
    """

    client_id: str
    tenant: str = ""
    device: str = ""


class MqttRefused(Exception):
    """The gate refuses; code is an MQTT 5 reason code (0x86 bad user name or password, 0x87 not authorized,
    0x99 payload format invalid, 0x97 quota exceeded); the listener maps it for 3.1.1.
    """

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class MqttGate(Protocol):
    """What the MQTT listener asks; it knows no device and no entity itself."""

    async def connect(
        self, client_id: str, username: str | None, password: bytes | None, certificate: bytes = b""
    ) -> MqttPeer:
        """Who it is. certificate: the client's (DER), which TLS found to be good; b"" where it showed none."""
        ...

    def may_publish(self, peer: MqttPeer, topic: str) -> bool: ...

    def may_subscribe(self, peer: MqttPeer, topic_filter: str) -> bool: ...

    async def publish(self, peer: MqttPeer, topic: str, payload: bytes, properties: Mapping[str, Any]) -> None:
        """Takes a message; returns once it is committed, and only then is it acknowledged."""
        ...

    def refused(self, peer: MqttPeer, code: int, detail: str) -> None:
        """Told of what the listener itself did not take: a packet that is too large or breaks the protocol."""
        ...

    async def disconnect(self, peer: MqttPeer) -> None: ...


class MqttDown(Protocol):
    """Publishes from the platform to whoever is connected and subscribed at the listener."""

    async def __call__(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expires: int | None = None
    ) -> int:
        """Number of sessions that it was handed to; after `expires` seconds it is handed to nobody any more."""
        ...


# --- what the MQTT carrier remembers --------------------------------------------------------------------
# Moments in microseconds, times in seconds. A packet is a PUBLISH as MQTT 5.0 writes it.


@dataclass(frozen=True, slots=True)
class MqttSessionRow:
    """A session that outlasts its connection; left_at is None while the client is connected, will b"" for none."""

    device: str
    client_id: str
    expiry: int
    left_at: int | None = None
    will: bytes = b""
    will_delay: int = 0


@dataclass(frozen=True, slots=True)
class MqttSubscriptionRow:
    """options is the byte of SUBSCRIBE (MQTT 5.0 section 3.8.3.1), identifier 0 for none."""

    device: str
    client_id: str
    topic_filter: str
    options: int
    identifier: int = 0


@dataclass(frozen=True, slots=True)
class MqttMessageRow:
    """A message that the client has not acknowledged; with packet b"" it has, and is to be told PUBREL."""

    device: str
    client_id: str
    number: int
    packet_id: int
    packet: bytes = b""
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class MqttReceivedRow:
    """A packet identifier under which a message of the client's was taken at QoS 2 and not released."""

    device: str
    client_id: str
    packet_id: int


@dataclass(frozen=True, slots=True)
class MqttRetainedRow:
    """A retained message; is_own where the platform published it."""

    topic: str
    is_own: bool
    packet: bytes = b""
    expires_at: int | None = None


MqttRow = MqttSessionRow | MqttSubscriptionRow | MqttMessageRow | MqttReceivedRow | MqttRetainedRow


@dataclass(frozen=True, slots=True)
class MqttChange:
    """The row is put in place of the one with its key, or taken away; a session takes all of its own along."""

    row: MqttRow
    is_gone: bool = False


class SessionStore(Protocol):
    """Keeps what MQTT clients may count on after a kill; tenant "" is that of clients without a credential."""

    async def apply(self, tenant: str, changes: Sequence[MqttChange]) -> None:
        """All of the changes in their order, or none; durable on return. NonexistentTenant."""
        ...

    async def tenants(self) -> list[str]:
        """For which `load` may give something."""
        ...

    async def load(self, tenant: str) -> list[MqttRow]:
        """All rows: sessions first, messages in the order of their numbers."""
        ...


# --- who calls over HTTP ----------------------------------------------------------------------------------


class Credentials(NamedTuple):
    """What a request shows of who sends it. authorization and cookie are the header fields as they came, "" for none.

    certificate: the client's certificate (DER) where TLS asked for one and it was good; b"" for none. address: where
    the request came from, behind a named proxy what the proxy says. secure: whether it came over TLS.
    """

    method: str
    path: str
    authorization: str = ""
    cookie: str = ""
    certificate: bytes = b""
    address: str = ""
    secure: bool = False

    def __repr__(self) -> str:
        """Without the secrets: a line of a log or of a failed test shows none."""
        return f"Credentials({self.method} {self.path}, address={self.address!r}, secure={self.secure})"


class Authenticate(Protocol):
    """Who a request comes from; None where it shows no credential of the kind that this one knows.

    Raises Unauthenticated for a credential that is of its kind and not good: expired, revoked, forged.
    """

    async def __call__(self, credentials: Credentials) -> Caller | None: ...


# --- what is used, by whom --------------------------------------------------------------------------------

Measure = Literal[
    "read", "write", "subscribe", "feed", "past", "screen", "bytes", "readings", "refused", "sent", "failed", "storage"
]
"""read to past: calls of the interfaces by kind; screen: pages; bytes: of answers; readings taken and refused;
notifications sent and failed; storage: bytes that the tenant's data takes.
"""


class Meter(Protocol):
    """Counts what a tenant uses; called where the time of every request counts, so it neither waits nor raises."""

    def count(self, tenant: str, what: Measure, who: Actor, amount: int = 1) -> None:
        """Adds to today's number; of a person or a device no id is kept."""
        ...


# --- what anybody may ask for --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenPath:
    """What a request without any credential may ask for. path is a regular expression of the whole path.

    proves_itself: what stands behind looks at the Authorization field itself (a device's key, a client's secret).
    """

    methods: tuple[str, ...]
    path: str
    proves_itself: bool = False


# --- outbound HTTP -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer from outside; body is cut at the limit given."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpFetch(Protocol):
    """One outbound request. Resolves and checks the address each time; AddressRefused for one not allowed.

    Raises OSError or TimeoutError where there is no answer. Redirects are not followed.
    """

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 10.0,
        max_bytes: int = 1 << 20,
    ) -> HttpAnswer: ...


# --- outbound MQTT -------------------------------------------------------------------------------------

MqttVersion = Literal["mqtt3.1.1", "mqtt5.0"]


@dataclass(frozen=True, slots=True)
class MqttServer:
    """An MQTT server outside and how it is spoken to; host is a name or an address without brackets."""

    host: str
    port: int
    secure: bool = False
    version: MqttVersion = "mqtt5.0"
    username: str | None = None
    password: str | None = field(default=None, repr=False)


class MqttPublish(Protocol):
    """One message to an MQTT server outside. Checks the address as HttpFetch does; AddressRefused for one not allowed.

    Returns once the server has it: sent (QoS 0), PUBACK (1), PUBCOMP (2). Raises OSError or TimeoutError where it has
    not, and ValueError for what MQTT cannot carry. notes are user properties, in MQTT 5.0 only.
    """

    async def __call__(
        self,
        server: MqttServer,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        notes: Sequence[tuple[str, str]] = (),
        timeout: float = 10.0,
    ) -> None: ...


# --- nudges --------------------------------------------------------------------------------------------


class Bus(Protocol):
    """Carries nudges: "something was committed for this tenant". A lost one costs time, never data."""

    def publish(self, topic: str) -> None:
        """Wakes whoever listens to this topic; never blocks, never raises."""
        ...

    def listen(self, *topics: str) -> AsyncIterator[str]:
        """Topics as they are published, duplicates folded while the listener is busy."""
        ...


def log_topic(tenant: str) -> str:
    """The topic on which commits of a tenant's log are announced."""
    return f"log.{tenant}"


ALL_LOGS = "log.*"


def screens_topic(tenant: str) -> str:
    """The topic by which a room asks the open pages of a tenant to look again, where no entity changed."""
    return f"screens.{tenant}"


# --- commands ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a device shall do; reason is in plain words, in the language of who asked."""

    tenant: str
    device: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


CommandState = Literal["refused", "sent", "confirmed", "failed", "expired"]


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """Where a command stands; detail is the refusal's reason or the device's own words, detail_ja the same in
    Japanese, "" where it is the same.
    """

    id: str
    state: CommandState
    detail: str = ""
    detail_ja: str = ""


class Act(Protocol):
    """Puts a command before the arbiter; a refusal is an outcome, not an exception."""

    async def __call__(self, call: Call, command: Command) -> CommandOutcome: ...


# --- an MQTT client (simulated devices; later outside brokers) --------------------------------------------


class MqttLink(Protocol):
    """One open MQTT connection as a client."""

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Returns once the server acknowledged (QoS 1). ConnectionError where the link is gone or refused."""
        ...

    def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Topic and payload of what arrives on the subscribed topics; ends when the link is closed."""
        ...

    async def close(self) -> None: ...


class MqttConnect(Protocol):
    """Opens an MQTT connection to the platform's own listener as a device would."""

    async def __call__(
        self, *, client_id: str, username: str, password: str, subscribe: Sequence[str] = ()
    ) -> MqttLink: ...


# --- mail ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail in plain text. to: one address. headers: further ones by name, of one line each."""

    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class MailRefused(Exception):
    """The mail server does not take this letter: for good (is_final), or for now. code: what it answered (RFC 5321)."""

    def __init__(self, code: int, *, is_final: bool) -> None:
        super().__init__(f"the mail server answered {code}")
        self.code = code
        self.is_final = is_final


class SendMail(Protocol):
    """Hands a letter to the mail server; returns once it took responsibility for it (RFC 5321 section 4.2.5).

    MailRefused for this letter; OSError where no letter can be sent now: it is away, hangs, or does not let us in.
    """

    async def __call__(self, letter: Letter) -> None: ...
