"""An outside client for the kill test: writes through the API and keeps its own journal of what was acknowledged.

Run as a program: `writer.py PORT JOURNAL NUMBER`. It ends by itself when the platform is gone.
"""

from __future__ import annotations

import http.client
import json
import sys


def main(port: int, journal: str, number: int) -> None:
    """Creates an entity, then patches it again and again, each time with the next value."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    entity = f"urn:ngsi-ld:Kill:{number}"
    value = 0
    with open(journal, "a", buffering=1) as notes:  # noqa: PTH123 - line buffering is the point
        try:
            status = ask(line, "GET", f"/ngsi-ld/v1/entities/{entity}", None)
            if status == 404:
                send(line, notes, "POST", "/ngsi-ld/v1/entities", entity, value, whole=True)
            while True:
                value += 1
                send(line, notes, "PATCH", f"/ngsi-ld/v1/entities/{entity}/attrs", entity, value, whole=False)
        except (OSError, http.client.HTTPException):
            return


def ask(line: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> int:
    """The status of one request; its body is read and dropped."""
    line.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = line.getresponse()
    answer.read()
    return answer.status


def send(
    line: http.client.HTTPConnection, notes: object, method: str, path: str, entity: str, value: int, *, whole: bool
) -> None:
    """One write; noted as asked before it goes and as acknowledged after the answer."""
    document: dict[str, object] = {"count": {"type": "Property", "value": value, "unitCode": str(RUN)}}
    if whole:
        document |= {"id": entity, "type": "Kill"}
    print("asked", RUN, value, file=notes)  # type: ignore[call-overload]
    status = ask(line, method, path, json.dumps(document).encode())
    if status in (201, 204):
        print("acknowledged", RUN, value, file=notes)  # type: ignore[call-overload]
    else:
        print("refused", RUN, value, status, file=notes)  # type: ignore[call-overload]


if __name__ == "__main__":
    RUN = int(sys.argv[4])
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
