"""The five batch operations and what their answers say, for the tests of batches."""

from __future__ import annotations

from tests.platform.ngsild.calls import Reply

CREATE, UPSERT, UPDATE = "/entityOperations/create", "/entityOperations/upsert", "/entityOperations/update"
MERGE, DELETE = "/entityOperations/merge", "/entityOperations/delete"
WRITES = (CREATE, UPSERT, UPDATE, MERGE)
"""Those that take entities."""
VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"


def ids(*numbers: int) -> list[str]:
    """The ids of gauges."""
    return [f"urn:ngsi-ld:Gauge:{number}" for number in numbers]


def one(number: int = 1) -> str:
    """The path of a gauge."""
    return f"/entities/{ids(number)[0]}"


def parts(answer: Reply) -> tuple[list[str], list[tuple[str, str]]]:
    """The BatchOperationResult of a 207 (clause 5.2.16): ids that went well; ids with the name of their error."""
    assert answer.status == 207, (answer.status, answer.body)
    assert answer.header("content-type") == "application/json"
    assert set(answer.json) == {"success", "errors"}
    for error in answer.json["errors"]:
        assert set(error) == {"entityId", "error"}
        assert error["error"]["title"]
        assert error["error"]["detail"]
    named = [(error["entityId"], error["error"]["type"].rpartition("/")[2]) for error in answer.json["errors"]]
    return answer.json["success"], named
