"""An outside client for the kill test: writes through the API and keeps its own journal of what was acknowledged.

Run as a program: `writer.py PORT JOURNAL NUMBER`. Each line on its standard input is the number of a round: it writes
until the platform is gone, then waits for the next; it ends with its input.
"""

from __future__ import annotations

import http.client
import json
import sys
from contextlib import suppress
from typing import TextIO


def main(port: int, journal: str, number: int) -> None:
    """Plays the rounds, each with values from 1."""
    with open(journal, "a", buffering=1) as notes:  # noqa: PTH123 - line buffering is the point
        for told in sys.stdin:
            with suppress(OSError, http.client.HTTPException):
                play(port, notes, f"urn:ngsi-ld:Kill:{number}", int(told))


def play(port: int, notes: TextIO, entity: str, run: int) -> None:
    """Creates an entity where there is none, then patches it again and again, each time with the next value."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    value = 0
    status = ask(line, "GET", f"/ngsi-ld/v1/entities/{entity}", None)
    if status == 404:
        send(line, notes, "POST", "/ngsi-ld/v1/entities", {"id": entity, "type": "Kill"}, (run, value))
    while True:
        value += 1
        send(line, notes, "PATCH", f"/ngsi-ld/v1/entities/{entity}/attrs", {}, (run, value))


def ask(line: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> int:
    """The status of one request; its body is read and dropped."""
    line.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = line.getresponse()
    answer.read()
    return answer.status


def send(
    line: http.client.HTTPConnection,
    notes: TextIO,
    method: str,
    path: str,
    more: dict[str, str],
    write: tuple[int, int],
) -> None:
    """One write; noted as asked before it goes and as acknowledged after the answer."""
    run, value = write
    document = {**more, "count": {"type": "Property", "value": value, "unitCode": str(run)}}
    print("asked", run, value, file=notes)
    status = ask(line, method, path, json.dumps(document).encode())
    if status in (201, 204):
        print("acknowledged", run, value, file=notes)
    else:
        print("refused", run, value, status, file=notes)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
