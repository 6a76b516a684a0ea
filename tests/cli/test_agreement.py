"""`kumihimo agreement …` on files that nobody has open."""

from __future__ import annotations

import json
import re
import shlex
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kumihimo.base.times import JST
from kumihimo.cli.main import app

FIRST = datetime.now(JST).date()
LAST = FIRST + timedelta(days=300)
OFFER = f"offer sabae --role officer --purpose 水防 --starts {FIRST} --ends {LAST} --tenant fukui"
RIVERS = "--type WaterLevelObserved --attribute waterLevel --subscribe"
TEXT = """permit (principal in Role::"sabae/officer", action == Action::"write", resource in Scope::"/border");
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("border.cedar").write_text(TEXT)
    Path("other.cedar").write_text(TEXT.replace("sabae", "ono"))
    Path("empty.cedar").write_text("\n")
    for town in ("fukui", "sabae"):
        assert said("tenant", "add", town)[0] == 0


def said(*words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, [*words, "--data", "data"])
    return answer.exit_code, answer.output


def told(words: str) -> tuple[int, str]:
    return said("agreement", *shlex.split(words))


def listed(tenant: str) -> list[dict[str, object]]:
    code, found = told(f"list --format json --tenant {tenant}")
    assert code == 0
    return list(json.loads(found))


def test_data_is_offered_accepted_shown_to_both_sides_and_ended() -> None:
    code, tried = told(f"{OFFER} {RIVERS}")
    assert (code, "nothing is offered yet; --apply does it" in tried) == (0, True)
    assert (listed("fukui"), listed("sabae")) == ([], [])
    code, offered = told(f"{OFFER} {RIVERS} --apply")
    assert code == 0
    (hint,) = re.findall(r"^    kumihimo (.+)$", offered, re.MULTILINE)
    (one,) = listed("sabae")
    assert [one] == listed("fukui")
    assert (one["giver"], one["taker"], one["role"], one["state"]) == ("fukui", "sabae", "officer", "offered")
    assert (one["offered_by"], one["accepted_by"]) == ("command line", "")
    assert one["starts_at"] == int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=JST).timestamp()) * 1_000_000
    assert one["ends_at"] == int(str(one["starts_at"])) + 301 * 86_400_000_000, "the first moment after the last day"
    text = str(one["text"])
    assert 'action in [Action::"read", Action::"subscribe"]' in text
    assert '"https://uri.etsi.org/ngsi-ld/default-context/waterLevel"' in text
    assert text in tried, "what was shown before is what is kept"

    code, accepted = said(*hint.split())
    assert (code, f"runs: fukui shares data with sabae/officer up to and with {LAST}" in accepted) == (0, True)
    code, shown = told(f"show {one['id']} --tenant sabae")
    assert code == 0
    for line in ("from: fukui", "to: sabae/officer", "purpose: 水防", f"days: {FIRST} to {LAST}"):
        assert line in shown.splitlines()
    assert "by command line" in shown
    assert json.loads(told(f"show {one['id']} --format json --tenant sabae")[1])["accepted_by"] == "command line"
    assert told(f"end {one['id']} --why 完了 --tenant fukui") == (0, f"agreement {one['id']} has ended\n")
    assert "完了" in told(f"show {one['id']} --tenant sabae")[1]
    assert "ended" in told("list --tenant fukui")[1]
    assert [each["state"] for each in listed("fukui")] == ["ended"]


def test_permits_of_a_file_are_offered_as_they_are() -> None:
    assert told(f"{OFFER} --file border.cedar --apply")[0] == 0
    assert [one["text"] for one in listed("fukui")] == [TEXT]


def test_what_people_wrote_makes_no_line_of_its_own() -> None:
    words = OFFER.replace("水防", "'x\nstate: running'")
    code, shown = told(f"{words} --type River")
    assert (code, "purpose: x state: running" in shown) == (0, True)
    assert [line for line in shown.splitlines() if line.startswith(("state:", "offered:"))] == [], "it is no offer yet"
    assert told(f"{words} --type River --apply")[0] == 0
    (one,) = listed("fukui")
    shown = told(f"show {one['id']} --tenant sabae")[1]
    assert [line for line in shown.splitlines() if line.startswith("state:")] == ["state: offered"]


def test_what_does_not_fit_is_refused_with_words_and_leaves_nothing() -> None:
    assert told(f"{OFFER} --type River --apply")[0] == 0
    (one,) = listed("fukui")
    for words, code, why in (
        (OFFER, 1, "say which types of entities are shared"),
        (f"{OFFER} --type 'a b'", 1, "'a b' names no type or attribute"),
        (f"{OFFER} --file border.cedar --type River", 2, "not both"),
        (f"{OFFER} --file border.cedar --subscribe", 2, "not both"),
        (f"{OFFER} --file none.cedar", 1, "cannot be read"),
        (f"{OFFER} --file empty.cedar", 1, "what is shared is said by permits"),
        (f"{OFFER} --file other.cedar", 1, 'Role::"sabae/officer"'),
        (f"{OFFER.replace('sabae', 'ono')} --type River", 1, "'ono' is no other tenant"),
        (f"{OFFER.replace('sabae', 'fukui')} --type River", 1, "'fukui' is no other tenant"),
        (f"{OFFER.replace('fukui', 'ono')} --type River", 1, "there is no tenant 'ono'"),
        (f"{OFFER.replace(str(LAST), 'soon')} --type River", 1, "'soon' is no day"),
        (f"{OFFER.replace(str(LAST), '2026-03-31')} --type River", 1, "ends in the future"),
        ("list --tenant ono", 1, "there is no tenant 'ono'"),
        ("show a-1 --tenant fukui", 1, "fukui has no agreement 'a-1'"),
        (f"accept {one['id']} --tenant fukui", 1, "the other side accepts"),
        (f"end {one['id']} --why ' ' --tenant fukui", 1, "why: say it in 1 to"),
        ("end a-1 --why x --tenant sabae", 1, "sabae has no agreement 'a-1'"),
    ):
        answer = told(words)
        assert (answer[0], why in answer[1]) == (code, True), (words, answer)
    assert listed("fukui") == [one]
