"""Camera-trap packages: animals are read, people stay out."""

from __future__ import annotations

import pytest

from kumihimo.solutions.wildlife import entities
from kumihimo.solutions.wildlife.cameras import Package, read_package
from kumihimo.solutions.wildlife.incidents import data_text

DEPLOYMENTS = (
    "deploymentID,locationName,latitude,longitude,coordinateUncertainty,deploymentStart,deploymentEnd\n"
    "d1,谷,36.1,136.5,30,2024-05-01T00:00:00+09:00,2024-06-01T00:00:00+09:00\n"
)
HEAD = (
    "observationID,deploymentID,mediaID,eventID,eventStart,eventEnd,observationLevel,observationType,"
    "scientificName,count,lifeStage\n"
)
MEDIA = "mediaID,deploymentID\nm1,d1\nm2,d1\n"


def row(
    name: str, media: str, kind: str, *, event: str = "e1", level: str = "media", species: str = "Sus scrofa"
) -> str:
    moment = "2024-05-02T03:00:00+09:00"
    return f"{name},d1,{media},{event},{moment},{moment},{level},{kind},{species},1,adult\n"


@pytest.fixture(scope="module")
def package() -> Package:
    texts = (data_text(f"camtrap_{name}.csv.gz") for name in ("deployments", "observations", "media"))
    return read_package(*texts)


def test_the_shipped_package_is_accounted_for(package: Package) -> None:
    assert len(package.cameras) == 4
    assert len(package.observations) + sum(package.kept_out.values()) + len(package.refused) == 549
    assert package.kept_out == {"blank": 115, "human": 33, "vehicle": 21, "unknown": 13, "unclassified": 1}
    assert package.refused == ()
    assert sum(package.pictures.values()) == 423


def test_no_picture_with_a_person_is_pointed_at(package: Package) -> None:
    observations = data_text("camtrap_observations.csv.gz").splitlines()
    head = observations[0].split(",")
    rows = [dict(zip(head, line.split(","), strict=False)) for line in observations[1:]]
    people = {one["mediaID"] for one in rows if one["observationType"] in ("human", "vehicle")} - {""}
    events = {one["eventID"] for one in rows if one["observationType"] == "human"}
    assert len(people) > 20
    assert not people & {one.media for one in package.observations}
    assert not events & {one.event for one in package.observations if one.media}
    assert "Homo sapiens" not in {one.species for one in package.observations}


def test_an_animal_beside_a_person_keeps_no_picture() -> None:
    both = HEAD + row("o1", "m1", "animal") + row("o2", "m1", "human") + row("o3", "m2", "animal")
    found = read_package(DEPLOYMENTS, both, MEDIA)
    assert [(one.id, one.media) for one in found.observations] == [("o1", ""), ("o3", "m2")]
    assert found.pictures == {"pointed-at": 1, "kept-out": 1}


def test_what_was_said_of_a_series_counts_for_each_of_its_pictures() -> None:
    series = HEAD + row("o1", "m1", "animal") + row("o2", "", "human", level="event")
    assert read_package(DEPLOYMENTS, series, MEDIA).observations[0].media == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row("o1", "", "ghost"), "observationType"),
        (row("o1", "", "animal", species="Homo sapiens"), "human"),
        (row("o1", "", "animal").replace(",d1,", ",d9,"), "deployment"),
        (row("o1", "", "animal").replace("+09:00", ""), "zone"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason(line: str, reason: str) -> None:
    [(file, number, why)] = read_package(DEPLOYMENTS, HEAD + line, MEDIA).refused
    assert (file, number) == ("observations", 1)
    assert reason in why


def test_a_bad_camera_is_refused_and_so_are_its_observations() -> None:
    found = read_package(DEPLOYMENTS.replace("36.1", "96.1"), HEAD + row("o1", "", "animal"), MEDIA)
    assert [file for file, _, _ in found.refused] == ["deployments", "observations"]


def test_an_observation_becomes_an_entity_at_its_camera(package: Package) -> None:
    pointed = next(one for one in package.observations if one.media)
    doc = entities.observation_change(pointed).doc
    assert doc is not None
    assert doc["attrs"][entities.AT_CAMERA][0]["object"] == entities.camera_id(pointed.camera)
    assert entities.value_of(doc, entities.MEDIA) == pointed.media
    assert entities.observed_at(doc, entities.SPECIES) == pointed.start
    hidden = next(one for one in package.observations if not one.media)
    assert entities.MEDIA not in (entities.observation_change(hidden).doc or {})["attrs"]
