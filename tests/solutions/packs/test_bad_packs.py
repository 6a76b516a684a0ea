"""Every kind of bad pack that somebody may bring: each refused with its reason, in the reader's language."""

from __future__ import annotations

import base64
import stat
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import FakeClock
from tests.service.console.asgi_client import Client
from tests.solutions.packs.test_archive import tarred, zipped
from tests.solutions.packs.test_manifest import right, rules
from typer.testing import CliRunner

from kumihimo.app.http import build_http
from kumihimo.app.platform import Platform
from kumihimo.app.wire import wire
from kumihimo.base.call import Actor, Call
from kumihimo.base.errors import Problem
from kumihimo.base.settings import Settings
from kumihimo.base.texts import parse_texts, translator
from kumihimo.cli.main import app as command_line
from kumihimo.service.console.words import refusal_in
from kumihimo.solutions.packs.archive import MANIFEST, SIGNATURE, read_path, write_archive
from kumihimo.solutions.packs.door import Packs
from kumihimo.solutions.packs.manifest import held, read_pack
from kumihimo.solutions.packs.signature import new_key, signed

PLACE = Path(__file__).parent / "parking"
FILES = dict(read_path(PLACE))
TEXTS = parse_texts((Path(held.__code__.co_filename).parent / "texts.toml").read_text("utf-8"), "texts.toml")
CALL = Call("town", Actor("person", "p-1"))
Bad = tuple[Callable[[], bytes], str, str]


def packed(old: str = "", new: str = "", more: str = "", **files: bytes) -> bytes:
    """The parking pack with other words in its manifest, more of them at its end, and more files."""
    text = FILES[MANIFEST].decode()
    assert old in text
    manifest = (text.replace(old, new) if old else text) + more
    return write_archive({**FILES, MANIFEST: manifest.encode(), **{f"{name}.toml": one for name, one in files.items()}})


def with_file(name: str, body: bytes = b"x") -> bytes:
    return zipped(*FILES.items(), (name, body))


def link() -> bytes:
    entry = zipfile.ZipInfo("README.md")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped(*FILES.items(), (entry, b"/etc/passwd"))


def signed_over_another_list() -> bytes:
    """What was signed is the pack without one of the files that it holds now."""
    private, _ = new_key()
    fewer = {name: body for name, body in FILES.items() if name != "sample.jsonld"}
    made = signed(read_pack(FILES), fewer, base64.b64decode(private))
    return write_archive({**FILES, SIGNATURE: made})


CIRCLE = rules(("name", "address"), ("address", "name"))
BAD: dict[str, Bad] = {
    "wrong rights": (lambda: packed(more=right(types="[]")), "no right to all of a town's data", "全データへの権利は"),
    "rights of no role": (
        lambda: packed(more=right(may='["policies"]')),
        "it is one of approve, command, delete, read, subscribe, write",
        "may[0]: 'policies' という値はありません。書ける値: approve、command、delete、read、subscribe、write",
    ),
    "another form of packs": (lambda: packed("format = 1", "format = 2"), "it is one of 1", "2 という値は"),
    "a number for a name": (lambda: packed('id = "list"', "id = 3"), "Expected `str`", "文字列を書くところに整数が"),
    "a name of odd letters": (lambda: packed('id = "list"', 'id = "一覧"'), "matching regex", "使えない文字が"),
    "words of nothing": (lambda: packed(more=right(may="[]")), "`array` of length", "may: 1 個以上です"),
    "persons' data opened": (
        lambda: packed('legal = "open"', 'legal = "personal"'),
        "opens to nobody outside",
        "外部のだれにも開けません",
    ),
    "persons without notice": (
        lambda: packed('legal = "open"', 'legal = "personal"'),
        "[persons] must give the notice",
        "お知らせと同意の文面が必要です",
    ),
    "loop of rules": (lambda: packed(more=CIRCLE, r0=b"", r1=b""), "in a circle", "規則が循環しています"),
    "broken manifest": (lambda: packed(more="\n[["), "is no TOML", "TOML として読めません"),
    "a field that is none": (lambda: packed(more="\nx = 1"), "unknown field `x`", "x という項目はありません"),
    "a field that lacks": (lambda: packed("format = 1"), "required field `format`", "format がありません"),
    "no manifest": (lambda: zipped(("README.md", b"")), "this is no pack", "パックではありません"),
    "manifest in Shift JIS": (
        lambda: zipped((MANIFEST, "題 = 1".encode("shift_jis"))),
        "not in UTF-8",
        "UTF-8 ではありません",
    ),
    "manifest of 10 MB": (
        lambda: zipped((MANIFEST, b"#" * (10 << 20))),
        "more than 2097152 bytes",
        "2097152 バイトを超えます",
    ),
    "manifest of 1 MB": (
        lambda: zipped((MANIFEST, b"#" * (1 << 20))),
        "more than 262144 bytes",
        "262144 バイトまでです",
    ),
    "lists in lists": (lambda: zipped((MANIFEST, b"x = " + b"[" * 100_000)), "nested too deep", "入れ子が深すぎます"),
    "tables in tables": (
        lambda: zipped((MANIFEST, b"x = " + b"{a = " * 40_000)),
        "nested too deep",
        "入れ子が深すぎます",
    ),
    "a name of many steps": (
        lambda: zipped((MANIFEST, b"a." * 100_000 + b"a = 1")),
        "nested too deep",
        "入れ子が深すぎます",
    ),
    "a name of the program's": (
        lambda: write_archive({**FILES, MANIFEST: FILES[MANIFEST].replace(b'"parking', b'"flood')}),
        "comes with the program",
        "基盤に付属しています",
    ),
    "a screen by a taken name": (
        lambda: packed('id = "list"', 'id = "persons"'),
        "the page of notice and consent",
        "お知らせと同意のページ",
    ),
    "a screen twice": (lambda: packed('id = "map"', 'id = "list"'), "is there twice", "2 回あります"),
    "path out of the archive": (lambda: with_file("../evil.md"), "no path inside a pack", "パックの中のパスでは"),
    "absolute path": (lambda: with_file("/etc/passwd"), "no path inside a pack", "パックの中のパスでは"),
    "path of another system": (lambda: with_file("C:\\evil.md"), "no path inside a pack", "パックの中のパスでは"),
    "name of a device": (lambda: with_file("nul.md"), "no path inside a pack", "パックの中のパスでは"),
    "a link": (link, "a link or a device", "リンクや装置"),
    "a device": (lambda: tarred((MANIFEST, b""), type=tarfile.CHRTYPE), "a link or a device", "リンクや装置"),
    "twins by case": (lambda: with_file("Solution.toml"), "twice", "2 回あります"),
    "twins by normal form": (
        lambda: zipped(
            *FILES.items(),
            ("README-が.md", b""),
            ("README-か\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}.md", b""),
        ),
        "no path inside a pack",
        "パックの中のパスでは",
    ),
    "zip bomb": (lambda: with_file("README.md", b"\0" * (8 << 20)), "bytes as it comes out", "取り出すと"),
    "many files": (lambda: zipped(*((f"README{one}.md", b"") for one in range(301))), "at most 300", "300 個まで"),
    "no archive": (lambda: b"PK nothing", "no .zip or .tar", "として読めません"),
    "a program": (lambda: with_file("codec.py"), "holds tables, no programs", "プログラムです"),
    "Python": (
        lambda: packed('licence = "Apache', 'python = "os"\nlicence = "Apache'),
        "that it has Python",
        "Python があると",
    ),
    "a file of nobody": (lambda: with_file("more.csv"), "named nowhere", "どこにも書かれていません"),
    "signature over another list": (signed_over_another_list, "does not fit its files", "署名がファイルと合いません"),
    "no signature": (lambda: with_file(SIGNATURE, b"key = 1"), "cannot be read", "が読めません"),
}
"""What brings the pack, and a part of the reason in English and in Japanese."""


def said(problem: Problem, lang: str) -> str:
    """As a page says it."""
    return str(refusal_in(translator(TEXTS, lang), lang)(problem)).replace("&#39;", "'")


@pytest.fixture
async def platform(tmp_path: Path, fake_clock: FakeClock) -> AsyncIterator[Platform]:
    made = wire(Settings(data=str(tmp_path / "data"), port=0, mqtt_port=-1, open=True), fake_clock)
    made.packs = Packs(replace(made.packs.doors, trial=None))  # that packs are tried first has its own tests
    await made.database.open()
    await made.database.add_tenant("town")
    yield made
    await made.database.close()


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_a_bad_pack_is_refused_by_the_page_and_by_the_command_line(platform: Platform, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "packs"
    folder.mkdir()
    for number, (bring, _, _) in enumerate(BAD.values()):
        (folder / f"bad-{number}.zip").write_bytes(bring())
    app, runner = build_http(platform), CliRunner()
    pages = {}
    for lang in ("ja", "en"):
        reply = await Client(app).get(f"/t/town/pack-register?lang={lang}")
        pages[lang] = reply.text.replace("&#39;", "'").split("<li>")
    for number, (name, (_, en, ja)) in enumerate(BAD.items()):
        file = f"bad-{number}.zip"
        for lang, reason in (("en", en), ("ja", ja)):
            lines = [one for one in pages[lang] if f">{file}<" in one]
            assert len(lines) == 1, name
            assert reason in lines[0], (name, lang, lines)
    for number, (name, (_, en, _)) in list(enumerate(BAD.items()))[::6]:
        told = runner.invoke(command_line, ["solution", "check", str(folder / f"bad-{number}.zip")])
        assert told.exit_code == 1, name
        assert en in " ".join(told.output.split()), (name, told.output)
    assert {one.origin for one in platform.library.all()} == {"shipped"}


MARK = """
[[alerts]]
name = "parking.full"
title = { ja = "満車", en = "Full" }
severity = 1
decides = "officer"
moves = ["OffStreetParking"]
"""
MARKED = {**FILES, MANIFEST: FILES[MANIFEST] + MARK.encode()}
RULES = """
[[rules]]
file = "few.toml"
title = { ja = "x", en = "x" }
watches = ["OffStreetParking.availableSpotNumber"]
writes = ["OffStreetParking.openingHours"]
does = ["change"]
"""
RULE = """
[[rule]]
name = "{name}"
types = ["https://example.org/parking/OffStreetParking"]
watch = ["https://example.org/parking/{watch}"]
condition = '{condition}'
[[rule.then]]
do = "change"
attribute = "https://example.org/parking/{change}"
value = 1
"""


def rule(
    condition: str = "true", watch: str = "availableSpotNumber", change: str = "openingHours", name: str = "few"
) -> str:
    return RULE.format(name=name, watch=watch, change=change, condition=condition)


def ruled(*many: str, name: str = "parking-few") -> bytes:
    return packed(more=MARK + RULES, few=(f'name = "{name}"' + "".join(many)).encode())


NEVER = "[1].all(a, [1].all(b, [1].all(c, [1].all(d, a + b + c + d > 0))))"
IN_TOWN: dict[str, tuple[bytes, str, str]] = {
    "rule that costs too much": (
        ruled(rule(NEVER)),
        "few.toml: rule few: condition: the expression has 4 macros",
        "式が大きすぎます",
    ),
    "expression bomb": (ruled(rule("1" + " + 1" * 200 + " > 0")), "plus signs", "個の + 記号"),
    "expression that is none": (ruled(rule("entity.")), "condition: at 1:8", "式が正しくありません"),
    "rules that call one another": (
        ruled(rule(), rule(watch="openingHours", change="availableSpotNumber", name="back")),
        "set each other off in a loop: few → back → few",
        "規則が互いを呼び続けます：few → back → few",
    ),
    "a rule of no end of keys": (ruled("\n" + "a." * 9000 + "a = 1"), "nested too deeply", "入れ子が深すぎます"),
    "rules by another's name": (ruled(rule(), name="flood-few"), "the set is named", "規則の名前が"),
    "rules that do what is not said": (ruled(rule(change="telephone")), "under writes", "すべて writes に"),
    "rules that watch what is not said": (ruled(rule(watch="telephone")), "under watches", "すべて watches に"),
    "a mark that vanishes": (packed('"1.0.0"', '"1.1.0"'), "no longer leaves OffStreetParking", "人の判断に任せて"),
    "a lower version": (packed('"1.0.0"', '"0.9.0"', MARK), "newer", "新しいもの"),
    "a name that another pack has": (
        write_archive({**MARKED, MANIFEST: MARKED[MANIFEST].replace(b'"parking', b'"garages')}),
        "brings the model OffStreetParking already",
        "すでに使っています",
    ),
    "a name for something else": (
        write_archive(
            {**MARKED, "context.jsonld": FILES["context.jsonld"].replace(b"parking/telephone", b"parking/price")}
        ),
        "the last part of what it stands for",
        "表すものの末尾と同じに",
    ),
}
"""In a town in which parking 1.0.0 stands, whose car parks move only by a person's decision."""


async def test_what_a_town_cannot_take_is_refused_before_anything_is_made(platform: Platform) -> None:
    marked = platform.library.outside(packed(more=MARK))
    before = await platform.packs.install(CALL, marked, unsigned=True)
    assert before.action == "install"
    for name, (raw, en, ja) in IN_TOWN.items():
        found = platform.library.outside(raw)
        with pytest.raises(Problem) as refused:
            await platform.packs.install(CALL, found, unsigned=True)
        assert en in refused.value.detail, name
        assert ja in said(refused.value, "ja"), name
        assert refused.value.status == 422, name
    [one] = await platform.packs.all("town")
    assert (one.version, one.state) == ("1.0.0", "installed")
    assert await platform.rule_sets.all(CALL) == []
