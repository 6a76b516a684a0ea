"""Packs that ask for what no pack may have, or contradict themselves, are refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kumihimo.platform.access.compile import policies_of
from kumihimo.platform.access.documents import role_titles
from kumihimo.platform.access.records import Document
from kumihimo.solutions.packs.archive import MANIFEST, read_path
from kumihimo.solutions.packs.errors import PackRefused
from kumihimo.solutions.packs.export import manifest_text
from kumihimo.solutions.packs.faults import loop_of
from kumihimo.solutions.packs.library import Library
from kumihimo.solutions.packs.manifest import held, read_pack
from kumihimo.solutions.packs.models import Held
from kumihimo.solutions.packs.rights import policies_text

PARKING = Path(__file__).parent / "parking"
FILES = dict(read_path(PARKING))
SAID = '{ ja = "わけ", en = "why" }'


def changed(old: str = "", new: str = "", more: str = "", files: dict[str, bytes] | None = None) -> Held:
    text = FILES[MANIFEST].decode()
    assert old in text
    manifest = (text.replace(old, new) if old else text) + more
    return held({**FILES, MANIFEST: manifest.encode(), **(files or {})}, "outside", {})


def test_the_pack_of_the_tutorial_is_whole() -> None:
    found = changed()
    assert (found.pack.id, found.trust, found.signer) == ("parking", "unsigned", "")


def right(**more: str) -> str:
    told = {"role": '"resident"', "may": '["read"]', "types": '["OffStreetParking"]', "why": SAID, **more}
    return "\n[[rights]]\n" + "\n".join(f"{name} = {value}" for name, value in told.items() if value)


WRONG_RIGHTS = {
    "all of a town's data": right(types="[]"),
    "none of the pack's models": right(types='["Person"]'),
    "'secret' is no attribute of": right(attributes='["secret"]'),
    "Invalid enum value 'policies'": right(may='["policies"]'),
    "Invalid enum value 'members'": right(may='["members"]'),
    "concern the town, no entities": right(may='["approve", "read"]'),
    "only the town's own people command": right(may='["command"]', types=""),
    "reads at most": right(role='"stranger"', may='["write"]'),
    "none of the purposes": right(purposes='["advertising"]'),
    "'secret' is no attribute of OffStreetParking": right(unless="{ secret = true }"),
    "command and approve concern the town": right(role='"officer"', may='["approve"]', types="", unless="{ name = 1 }"),
    "Expected `str` matching regex": right(role='"x\\") || true //"'),
}


@pytest.mark.parametrize(("why", "more"), WRONG_RIGHTS.items())
def test_wrong_rights_are_refused(why: str, more: str) -> None:
    with pytest.raises(PackRefused) as refused:
        changed(more=more)
    assert why in refused.value.detail


WARDEN = """
[roles.warden]
ja = "駐車場の\\"係\\""
en = "Warden"
ja-easy = "駐車場の 人"
"""
WRONG_TITLES = {
    "the role warden has no title": right(role='"warden"'),
    "missing required field `en`": right(role='"warden"') + WARDEN.replace('en = "Warden"\n', ""),
    "missing required field `ja-easy`": right(role='"warden"') + WARDEN.replace("ja-easy", "#"),
    "Expected `str` of length <= 40": right(role='"warden"') + WARDEN.replace("Warden", "W" * 41),
    "to which the pack gives no right": WARDEN,
    "titles officer, which is the platform's": WARDEN.replace("roles.warden", "roles.officer"),
}


@pytest.mark.parametrize(("why", "more"), WRONG_TITLES.items())
def test_a_role_that_a_pack_brings_says_what_it_is_called(why: str, more: str) -> None:
    with pytest.raises(PackRefused) as refused:
        changed(more=more)
    assert why in refused.value.detail


def test_the_title_of_a_role_stands_in_the_policies_of_the_pack() -> None:
    titled = changed(more=right(role='"warden"') + WARDEN).pack
    found = role_titles(
        [Document("x", 1, "", policies_of(policies_text(titled, lambda name: f"https://x.example/{name}")))]
    )
    assert found == {"warden": {"ja": '駐車場の"係"', "en": "Warden", "ja-easy": "駐車場の 人"}}


def test_roles_of_the_packs_that_come_with_the_platform_have_titles(tmp_path: Path) -> None:
    titles = {name: one.in_("ja") for held in Library(tmp_path).shipped() for name, one in held.pack.roles.items()}
    assert titles == {"hunter": "猟友会・捕獲隊"}


def test_personal_data_is_opened_to_nobody_outside_and_needs_notice_and_consent() -> None:
    with pytest.raises(PackRefused) as refused:
        changed('legal = "open"', 'legal = "personal"')
    assert "which a pack opens to nobody outside" in refused.value.detail
    assert "[persons] must give the notice and the words of consent" in refused.value.detail
    with pytest.raises(PackRefused, match="ja-easy"):
        changed(more=f"\n[persons]\nnotice = {SAID}\nconsent = {SAID}")


def test_only_open_data_is_published() -> None:
    with pytest.raises(PackRefused, match="legal class open may be published"):
        changed('legal = "open"', 'legal = "internal"', right(role='"stranger"'))
    published = changed(more=right(role='"stranger"')).pack
    assert "principal is Anonymous" in policies_text(published, str)


@pytest.mark.parametrize(("value", "said"), [("true", "true"), ("3", "3"), ('"a\\"b"', '"a\\"b"')])
def test_a_right_leaves_out_entities_by_a_value_of_theirs(value: str, said: str) -> None:
    pack = changed(more=right(role='"officer"', unless=f"{{ name = {value} }}")).pack
    text = policies_text(pack, lambda name: f"https://x.example/{name}")
    assert f".contains({said})" in text
    assert len(policies_of(text)) == len(pack.rights) + len(pack.forbids)


BROKEN = [
    ("", "", "\nnonsense = 1", "unknown field `nonsense`"),
    ("", "", "\n[[", "no TOML"),
    ("", "", "\n[more]\nx = 1", "unknown field `more`"),
    ('id = "parking"', 'id = "Parking"', "", "$.id"),
    ('version = "1.0.0"', 'version = "1.0"', "", "$.version"),
    ('version = "1.0.0"', 'version = "01.0.0"', "", "$.version"),
    ("format = 1", "format = 2", "", "$.format"),
    ('"1.0.0"', "1.0", "", "Expected `str`"),
    ('sample = ["sample.jsonld"]', 'sample = ["other.jsonld"]', "", "'other.jsonld' that it names is not there"),
    ('id = "parking.free-share"', 'id = "flood.free-share"', "", "must begin with 'parking'"),
    ("default = 5", "default = 5000", "", "5000 is not from 0 to 1000"),
    ('below = "few_spaces"', 'below = "contact"', "", "a parameter that is a number"),
    ('order = "availableSpotNumber"', 'order = "price"', "", "no attribute 'price'"),
    ('of = "totalSpotNumber"', "", "", "share also of"),
    ('entity = "parking.free-share"', 'entity = "parking.income"', "", "no KPI of the pack's own"),
    ('id = "map"', 'id = "list"', "", "the screen 'list' is there twice"),
    ("refuse = true", "refuse = false", "", "no case says what is refused"),
    ('attributes = ["name", "address"', 'attributes = ["name", "na me"', "", "Expected `str` matching regex"),
    ('licence = "Apache', 'python = "os"\nlicence = "Apache', "", "only packs that come with the platform may"),
]


@pytest.mark.parametrize(("old", "new", "more", "why"), BROKEN)
def test_a_broken_manifest_is_refused_with_its_place(old: str, new: str, more: str, why: str) -> None:
    with pytest.raises(PackRefused) as refused:
        changed(old, new, more)
    assert why in refused.value.detail.replace("one parameter that is a number", "a parameter that is a number")


@pytest.mark.parametrize("name", ["codec.py", "lib.so", "page.js", "install.sh"])
def test_programs_are_refused(name: str) -> None:
    with pytest.raises(PackRefused, match="holds tables, no programs"):
        changed(files={name: b"import os"})


def test_files_that_are_named_nowhere_are_refused_but_for_a_readme_and_a_licence() -> None:
    assert changed(files={"README.md": b"words", "LICENSE": b"words"})
    with pytest.raises(PackRefused, match=r"'data/more\.csv' is named nowhere"):
        changed(files={"data/more.csv": b"1"})


def rules(*pairs: tuple[str, str]) -> str:
    return "".join(
        f'\n[[rules]]\nfile = "r{number}.toml"\ntitle = {SAID}\nwatches = ["OffStreetParking.{old}"]\n'
        f'writes = ["OffStreetParking.{new}"]\ndoes = ["change"]\n'
        for number, (old, new) in enumerate(pairs)
    )


def test_a_manifest_that_is_too_long_is_not_read() -> None:
    with pytest.raises(PackRefused, match=r"solution\.toml has more than 262144 bytes"):
        changed(more="#" * 262_144)


def test_rules_that_set_off_one_another_are_refused() -> None:
    files: dict[str, Any] = {f"r{number}.toml": b"" for number in range(3)}
    line = [("name", "address"), ("address", "telephone"), ("name", "telephone")]
    assert changed(more=rules(*line), files=files)
    with pytest.raises(PackRefused, match=r"in a circle: .*OffStreetParking\.telephone → "):
        changed(more=rules(*line[:2], ("telephone", "name")), files=files)
    with pytest.raises(PackRefused, match="in a circle"):
        changed(more=rules(("name", "name")), files={"r0.toml": b""})
    with pytest.raises(PackRefused, match="no attribute of the pack's models"):
        changed(more=rules(("price", "name")), files={"r0.toml": b""})
    with pytest.raises(PackRefused, match="is no parameter of the pack"):
        changed(more=rules(("name", "address")), files={"r0.toml": b"x = @{nothing}"})


def test_many_rules_without_a_circle_are_seen_through_at_once() -> None:
    """A lattice has more ways through it than could ever be walked."""
    names = ["name", "address", "telephone", "openingHours", "dataProvider"]
    pack = changed(
        more=rules(*((one, other) for place, one in enumerate(names) for other in names[place + 1 :])),
        files={f"r{number}.toml": b"" for number in range(10)},
    ).pack
    assert loop_of(pack) == []


def test_every_pack_of_the_program_is_whole_and_its_manifest_can_be_written_again(tmp_path: Path) -> None:
    shipped = Library(tmp_path).all()
    assert "flood" in {one.pack.id for one in shipped}
    for one in [*shipped, changed()]:
        assert read_pack({MANIFEST: manifest_text(one.pack).encode()}) == one.pack
