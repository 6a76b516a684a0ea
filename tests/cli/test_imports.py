"""What the preview shows is what --apply does."""

from __future__ import annotations

from pathlib import Path

import pytest

from kumihimo.base.settings import Settings
from kumihimo.cli.imports import import_file
from kumihimo.platform.jsonld.contexts import Contexts

HEADINGS = sorted(Contexts().core._table.terms)


def run(folder: Path, name: str, raw: bytes, *, apply: bool = False, entity_type: str = "Town") -> int:
    file = folder / name
    file.write_bytes(raw)
    settings = Settings(data=str(folder / "data"))
    return import_file(settings, file, tenant="town", entity_type=entity_type, id_column="", apply=apply)


def test_columns_called_as_any_core_term_are_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = f"番号,{','.join(HEADINGS)}\n1{',x' * len(HEADINGS)}\n".encode()
    assert run(tmp_path, "a.csv", raw) == 0
    shown = capsys.readouterr()
    assert "1 rows, 1 entities" in shown.out
    for name in ("location", "observedAt", "createdAt", "unitCode", "scope"):
        assert f"{name} -> {name}_" in shown.out
    assert "description -> description\n" in shown.out
    assert run(tmp_path, "a.csv", raw, apply=True) == 0
    assert "1 created, 0 updated, 0 refused" in capsys.readouterr().out


@pytest.mark.parametrize(
    "bad",
    [
        b'{"id":"urn:a:2","type":"T","location":{"type":"Property","value":1}}',
        b'{"id":"urn:a:2"}',
        b'{"id":"urn:a:1","type":"T"}',
    ],
    ids=["location", "no type", "twice"],
)
def test_what_would_be_refused_is_told_before(tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: bytes) -> None:
    raw = b'[{"id":"urn:a:1","type":"T"},' + bad + b"]"
    assert run(tmp_path, "a.json", raw) == 1
    shown = capsys.readouterr()
    assert "2 rows, 1 entities" in shown.out
    assert "item 2: " in shown.err
    assert not (tmp_path / "data").exists()
    assert run(tmp_path, "a.json", raw, apply=True) == 1
    assert "1 created, 0 updated, 0 refused" in capsys.readouterr().out


def test_rows_of_the_same_id_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = "ID,人数\nA,1\nB,2\nA,3\nA,4\n".encode("cp932")
    assert run(tmp_path, "a.csv", raw) == 1
    shown = capsys.readouterr()
    assert "4 rows, 2 entities" in shown.out
    assert "2 rows repeat an id; name a column that tells the rows apart with --id-column" in shown.err


def test_an_unknown_context_is_left_to_the_platform(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = b'[{"id":"urn:a:1","type":"T","@context":"https://example.org/c.jsonld"}]'
    assert run(tmp_path, "a.json", raw) == 0
    assert "1 of these name an @context that is not preloaded" in capsys.readouterr().out
