"""The how-to about tokens: its commands work in their order, on a platform of this test's own.

`kumihimo` is called in this process, because its start costs seconds; it reaches the platform by its socket.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from string import Template

import pytest
from tests.docs.demos import ROOT
from tests.processes import Served
from typer.testing import CliRunner

from kumihimo.cli.main import app

PAGE = ROOT / "docs" / "how-to" / "get-a-token.md"
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
KUMIHIMO = ".venv/bin/kumihimo"


class Reader:
    """Does what the page says; names are what it tells its reader to keep."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.names: dict[str, str] = {}

    def does(self, block: str) -> str:
        """What the block prints."""
        return "".join(self._line(line) for line in block.splitlines())

    def _line(self, line: str) -> str:
        line = line.replace("http://localhost:8080", f"http://localhost:{self.served.port}")
        words = shlex.split(Template(line).substitute(self.names).replace("./town", str(self.served.data)))
        if words[0] == KUMIHIMO:
            done = CliRunner().invoke(app, words[1:])
            assert done.exit_code == 0, done.output
            return done.output
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.enable_socket
def test_the_commands_of_the_page_register_applications_and_get_tokens(tmp_path: Path) -> None:
    role, library, token, entities, spreadsheet, by_key, public, ends, back = BLOCK.findall(PAGE.read_text())
    shelter = {"id": "urn:ngsi-ld:Shelter:1", "type": "Shelter"}
    with Served(tmp_path / "town") as served:
        served.ask("POST", "/ngsi-ld/v1/entities", shelter, {"NGSILD-Tenant": "mytown"})
        reader = Reader(served)
        reader.names["CLIENT"], reader.names["SECRET"] = re.findall(r": (\S+)$", reader.does(library), re.MULTILINE)
        assert f"application:{reader.names['CLIENT']}" in reader.does(role)
        given = json.loads(reader.does(token))
        assert (given["expires_in"], given["scope"]) == (600, "ngsi-ld:read")
        reader.names["TOKEN"] = given["access_token"]
        assert json.loads(reader.does(entities)) == [shelter]
        reader.names["KUMIHIMO_KEY"] = re.findall(r"kmh_\S+", reader.does(spreadsheet))[0]
        assert json.loads(reader.does(by_key)) == [shelter]
        assert "secret" not in reader.does(public)
        said = reader.does(ends)
        assert (reader.names["SECRET"] in said, f"{reader.names['CLIENT']} is out of use" in said) == (False, True)
        assert json.loads(reader.does(token))["error"] == "invalid_client"
        assert f"{reader.names['CLIENT']} is in use again" in reader.does(back)
        assert json.loads(reader.does(token))["scope"] == "ngsi-ld:read"
        assert reader.names["SECRET"] not in served.log.read_text()
