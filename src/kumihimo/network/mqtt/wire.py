"""Data representation of MQTT 5.0 section 1.5: integers, text, binary and the variable byte integer."""

from __future__ import annotations

from kumihimo.network.mqtt.errors import MALFORMED, MqttError

MAX_VARINT = 268_435_455


class Reader:
    """Reads one packet's body; every method raises MqttError (malformed) where the bytes do not suffice."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self.at + size
        if end > len(self.data):
            raise MqttError(MALFORMED, f"the packet ends {end - len(self.data)} bytes too early")
        part = self.data[self.at : end]
        self.at = end
        return part

    def number(self, size: int) -> int:
        """A big-endian integer of `size` bytes (1.5.1 to 1.5.3)."""
        return int.from_bytes(self.take(size), "big")

    def varint(self) -> int:
        """A variable byte integer of at most four bytes (1.5.5), in its shortest form."""
        value = 0
        for index in range(4):
            byte = self.number(1)
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if index and byte == 0:
                    raise MqttError(MALFORMED, "a variable byte integer is longer than it needs to be")
                return value
        raise MqttError(MALFORMED, "a variable byte integer has more than four bytes")

    def binary(self) -> bytes:
        """Binary data behind its two-byte length (1.5.6)."""
        return self.take(self.number(2))

    def text(self) -> str:
        """UTF-8 text behind its two-byte length, without surrogates and U+0000 (1.5.4)."""
        raw = self.binary()
        try:
            text = raw.decode()
        except UnicodeDecodeError as problem:
            raise MqttError(MALFORMED, "a text is not UTF-8") from problem
        if "\0" in text:
            raise MqttError(MALFORMED, "a text holds the character U+0000")
        return text

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def finish(self) -> None:
        """Malformed where bytes are left over."""
        if self.left:
            raise MqttError(MALFORMED, f"{self.left} bytes too many in the packet")


def varint(value: int) -> bytes:
    """A variable byte integer; ValueError over 268 435 455."""
    if not 0 <= value <= MAX_VARINT:
        raise ValueError(f"{value} does not fit into a variable byte integer")
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def binary(value: bytes) -> bytes:
    """Binary data behind its length; ValueError over 65 535 bytes."""
    if len(value) > 0xFFFF:
        raise ValueError(f"{len(value)} bytes do not fit behind a two-byte length")
    return len(value).to_bytes(2, "big") + value


def text(value: str) -> bytes:
    """UTF-8 text behind its length."""
    return binary(value.encode())
