"""An MQTT endpoint, checked (clause 7.2): server and topic out of its URI, QoS and version out of notifierInfo."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, unquote

from kumihimo.base.ports import MqttServer, MqttVersion
from kumihimo.platform.delivery.members import as_word, wrong
from kumihimo.platform.delivery.models import Aim

SCHEMES = ("mqtt", "mqtts")
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_VERSIONS: tuple[MqttVersion, ...] = ("mqtt3.1.1", "mqtt5.0")
_QOS = ("0", "1", "2")
_MAX_TOPIC_BYTES = 1024
_MAX_LEVELS = 64
_METADATA = frozenset(("content-type", "link", "ngsild-tenant"))


def read_aim(parts: SplitResult, member: str, notifier: Sequence[tuple[str, str]], notifier_member: str) -> Aim:
    """The aim of `mqtt[s]://[user][:password]@host[:port]/topic`; BadRequestData naming the member."""
    if not parts.hostname or parts.port == 0:
        raise wrong(member, "mqtt[s]://[user][:password]@host[:port]/topic is needed")
    said = dict(notifier)
    version = as_word(said.get("MQTT-Version", "mqtt5.0"), f"{notifier_member} MQTT-Version", _VERSIONS)
    qos = as_word(said.get("MQTT-QoS", "0"), f"{notifier_member} MQTT-QoS", _QOS)
    username, password = _credential(parts.username, member), _credential(parts.password, member)
    if version == "mqtt3.1.1" and password is not None and username is None:
        raise wrong(member, "MQTT 3.1.1 takes no password without a user name")
    port = parts.port or _PORTS[parts.scheme]
    server = MqttServer(parts.hostname, port, parts.scheme == "mqtts", version, username, password)
    return Aim(server, _topic(parts, member), int(qos))


def _credential(given: str | None, member: str) -> str | None:
    if not given:
        return None
    text = unquote(given)
    if "\x00" in text:
        raise wrong(member, "a user name or password holds the character U+0000")
    return text


def _topic(parts: SplitResult, member: str) -> str:
    if parts.query or parts.fragment:
        raise wrong(member, "a topic has neither ? nor #; write %3F for a question mark that belongs to it")
    topic = unquote(parts.path[1:])
    if not topic or any(char in topic for char in "+#\x00"):
        raise wrong(member, "a topic is needed behind the host, without the wildcards + and #")
    if len(topic.encode()) > _MAX_TOPIC_BYTES or topic.count("/") >= _MAX_LEVELS:
        raise wrong(member, f"a topic has at most {_MAX_TOPIC_BYTES} bytes and {_MAX_LEVELS} levels")
    return topic


def check_note(key: str, value: str, member: str) -> tuple[str, str]:
    """A pair of receiverInfo as it goes into the message's metadata (clause 7.2)."""
    if not key or len(key) > 128 or "\x00" in key:
        raise wrong(f"{member}.key", "a text of 1 to 128 characters is needed")
    if key.lower() in _METADATA:
        raise wrong(f"{member}.key", f"{key} is set by the platform")
    if len(value) > 8192 or "\x00" in value:
        raise wrong(f"{member}.value", "a text of at most 8192 characters without U+0000 is needed")
    return key, value
