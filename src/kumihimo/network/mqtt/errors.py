"""The one error of this carrier: a reason code of MQTT 5.0 section 2.4 and a sentence."""

from __future__ import annotations

from typing import Final

NORMAL: Final = 0x00
WITH_WILL: Final = 0x04
NO_SUBSCRIPTION_EXISTED: Final = 0x11
UNSPECIFIED: Final = 0x80
MALFORMED: Final = 0x81
PROTOCOL_ERROR: Final = 0x82
IMPLEMENTATION: Final = 0x83
UNSUPPORTED_VERSION: Final = 0x84
CLIENT_ID_INVALID: Final = 0x85
BAD_CREDENTIALS: Final = 0x86
NOT_AUTHORIZED: Final = 0x87
SERVER_UNAVAILABLE: Final = 0x88
SERVER_BUSY: Final = 0x89
SHUTTING_DOWN: Final = 0x8B
BAD_AUTH_METHOD: Final = 0x8C
KEEP_ALIVE_TIMEOUT: Final = 0x8D
TAKEN_OVER: Final = 0x8E
FILTER_INVALID: Final = 0x8F
TOPIC_INVALID: Final = 0x90
PACKET_ID_NOT_FOUND: Final = 0x92
RECEIVE_MAXIMUM_EXCEEDED: Final = 0x93
TOPIC_ALIAS_INVALID: Final = 0x94
PACKET_TOO_LARGE: Final = 0x95
QUOTA_EXCEEDED: Final = 0x97
PAYLOAD_INVALID: Final = 0x99


class MqttError(Exception):
    """What the other end did wrong; code is the reason code, detail says what and where.

    version is set where the error arose while CONNECT was read and its protocol level was known.
    """

    def __init__(self, code: int, detail: str, version: int = 0) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.version = version


_CONNACK_3 = {
    UNSUPPORTED_VERSION: 1,
    CLIENT_ID_INVALID: 2,
    SERVER_UNAVAILABLE: 3,
    SERVER_BUSY: 3,
    QUOTA_EXCEEDED: 3,
    BAD_CREDENTIALS: 4,
    NOT_AUTHORIZED: 5,
    BAD_AUTH_METHOD: 5,
}


def connack_code(code: int, version: int) -> int | None:
    """The code to put into a CONNACK; None where 3.1.1 (section 3.2.2.3) has none and the connection just ends."""
    return code if version >= 5 else _CONNACK_3.get(code)
