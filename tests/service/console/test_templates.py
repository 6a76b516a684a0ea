import re
from pathlib import Path
from typing import Any

import pytest

import kumihimo
from kumihimo.base.texts import ALL_LANGUAGES
from kumihimo.service.console.templates import as_jst, as_time, level_badge
from kumihimo.service.console.words import OWN_PACKAGE, load_words

SOURCE = Path(kumihimo.__file__).parent
TEMPLATES = sorted(SOURCE.rglob("templates/**/*.html"))
WORDS = sorted(SOURCE.rglob("texts.toml"))
KEY = re.compile(r"\bt\(\s*[\"']([^\"']+)[\"']\s*[,)]")
NAMES = [str(path.relative_to(SOURCE)) for path in TEMPLATES]
BILINGUAL = ("platform/outside/mock/templates/",)
"""Pages that say everything in both languages at once: the mock is no page of ours."""


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_no_inline_script_or_style(path: Path) -> None:
    source = path.read_text("utf-8")
    assert not re.search(r"<style\b", source)
    assert not re.search(r"\sstyle\s*=", source)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", source)
    assert not re.search(r"hx-on", source)
    assert not re.search(r"javascript:", source)
    assert all("src=" in tag for tag in re.findall(r"<script\b[^>]*>", source))


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_every_text_key_is_there(path: Path) -> None:
    package = "kumihimo." + ".".join(path.parent.parent.relative_to(SOURCE).parts)
    words = load_words([OWN_PACKAGE, package])
    keys = KEY.findall(path.read_text("utf-8"))
    assert not [key for key in keys if key not in words]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(BILINGUAL)])
def test_no_words_stand_in_templates(name: str) -> None:
    path = SOURCE / name
    source = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", path.read_text("utf-8"), flags=re.DOTALL)
    assert not re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]+", source)


@pytest.mark.parametrize("path", WORDS, ids=[str(path.relative_to(SOURCE)) for path in WORDS])
def test_texts_are_whole_and_keep_their_places(path: Path) -> None:
    package = "kumihimo." + ".".join(path.parent.relative_to(SOURCE).parts)
    for key, words in load_words([package]).items():
        places = {frozenset(re.findall(r"\{(\w+)\}", text)) for text in words.values()}
        assert len(places) == 1, key


EVERYBODYS = (
    ("service/console/people", ""),
    ("platform/provider", r"applications\."),
    ("platform/outside", ""),
    ("device/enrolment", ""),
)
"""Rooms whose pages are for everybody, and what of their words stands on pages of an operator."""
OF_A_TOWN = {"crumbs.home", "crumbs.label", "nav.label", "tenant.switch"}
"""What the shell says on the pages of a tenant alone."""


@pytest.mark.parametrize(("room", "operators"), EVERYBODYS, ids=[room for room, _ in EVERYBODYS])
def test_pages_for_everybody_are_in_easy_japanese_too(room: str, operators: str) -> None:
    """Each word of logging in, of allowing an application, of linking and of claiming, said in all three languages."""
    words = load_words([f"kumihimo.{room.replace('/', '.')}"])
    said = {key: texts for key, texts in words.items() if not (operators and re.match(operators, key))}
    assert said
    assert not [key for key, texts in said.items() if not all(texts.get(lang) for lang in ALL_LANGUAGES)]
    keys = {
        key for page in (SOURCE / room / "templates").glob("*.html") for key in KEY.findall(page.read_text("utf-8"))
    }
    shared = {key for key in keys - words.keys() if not operators or not key.startswith("applications.")}
    house = load_words([OWN_PACKAGE])
    assert not [key for key in shared if not all(house[key].get(lang) for lang in ALL_LANGUAGES)]


def test_what_stands_around_those_pages_is_in_easy_japanese_too() -> None:
    words = load_words([OWN_PACKAGE])
    shell = set(KEY.findall((SOURCE / "service/console/templates/shell.html").read_text("utf-8")))
    keys = (shell - OF_A_TOWN) | {f"language.{lang}" for lang in ALL_LANGUAGES}
    assert len(keys) > 10
    assert not [key for key in keys if not all(words[key].get(lang) for lang in ALL_LANGUAGES)]


def test_a_key_of_two_rooms_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("room_one", "room_two"):
        folder = tmp_path / room
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "texts.toml").write_text('["same.key"]\nja = "あ"\nen = "a"\n', "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"room_two.*same\.key"):
        load_words(["room_one", "room_two"])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2024-06-23T05:20:00Z", "2024-06-23 14:20"),
        ("2024-06-23T05:20:07+09:00", "2024-06-23 05:20:07"),
        (0, "1970-01-01 09:00"),
        ("not a date", "not a date"),
    ],
)
def test_moments_are_shown_in_japans_time(value: Any, shown: str) -> None:
    assert as_jst(value) == shown


def test_time_elements_keep_utc() -> None:
    assert as_time("2024-06-23T05:20:00Z") == '<time datetime="2024-06-23T05:20:00.000Z">2024-06-23 14:20</time>'
    assert as_time("<b>") == "&lt;b&gt;"


def test_a_level_has_text_beside_shape_and_colour() -> None:
    badge = level_badge(lambda key: f"[{key}]", 3)
    assert "km-level-3" in badge
    assert "<svg" in badge
    assert "[level.3]" in badge
    assert "[level.none]" in level_badge(lambda key: f"[{key}]", None)
    assert "&lt;b&gt;" in level_badge(lambda key: key, 1, "<b>")
