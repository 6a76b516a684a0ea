"""Photographs of reports: what is taken, what is left of it, who sees it, and how it goes."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image, PngImagePlugin
from starlette.applications import Starlette
from tests.fakes import DatabaseFactory
from tests.service.console.asgi_client import Client
from tests.solutions.wildlife.wildlife_house import TOWN, House, opened

from kumihimo.base import times
from kumihimo.base.call import Call
from kumihimo.base.errors import BadRequestData, Forbidden
from kumihimo.platform.access.decide import Access
from kumihimo.platform.access.grants import Grant
from kumihimo.platform.access.models import Clause, Names
from kumihimo.platform.broker.models import ALL_ATTRIBUTES, ALL_ROWS, EVERY_ROW, Change, Op, Visible
from kumihimo.platform.jsonld.contexts import Contexts
from kumihimo.service.console.live import Live
from kumihimo.service.console.shell import Console
from kumihimo.service.console.words import OWN_PACKAGE, load_words
from kumihimo.solutions.wildlife import album, entities, photo_pages, photos, watch
from kumihimo.solutions.wildlife.doors import own_call
from kumihimo.solutions.wildlife.photos import clean, sent_photo
from kumihimo.solutions.wildlife.screens import wildlife_screens
from kumihimo.solutions.wildlife.stage import Stage
from kumihimo.solutions.wildlife.words import PACKAGE

pytestmark = pytest.mark.enable_socket
BASE = f"/t/{TOWN}/wildlife"
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ENTITY = f"urn:ngsi-ld:WildlifeCatch:{UUID}"
SECRET = b"owner-of-camera"


def drawn(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Red on the left, blue on the right."""
    found = Image.new("RGB", size, "red")
    found.paste("blue", (size[0] // 2, 0, *size))
    return found


def with_secrets(kind: str) -> bytes:
    """A photograph with all that a file can hold beside its pixels, turned on its side by what it says of itself."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[2] = (36.0, 24.0, 7.25)
    out = io.BytesIO()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", SECRET.decode())
    beside: dict[str, Any] = {"exif": exif, "xmp": b"<x>" + SECRET + b"</x>", "icc_profile": SECRET * 9}
    own: dict[str, dict[str, Any]] = {"PNG": {"pnginfo": texts}, "JPEG": {"comment": SECRET}, "WEBP": {}}
    beside |= own[kind]
    drawn().save(out, kind, **beside)
    return out.getvalue()


def jpeg(size: tuple[int, int] = (60, 40)) -> bytes:
    out = io.BytesIO()
    drawn(size).save(out, "JPEG")
    return out.getvalue()


def sent(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


# --- what is left of a photograph -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_but_the_pixels_is_left_and_it_is_told_what_went(kind: str) -> None:
    given = with_secrets(kind)
    assert SECRET in given
    found = clean(given)
    assert SECRET not in found.body
    assert {"exif", "gps", "icc"} <= set(found.removed)
    assert ("text" in found.removed) == (kind != "WEBP")
    with Image.open(io.BytesIO(found.body)) as kept:
        assert (kept.format, kept.size) == ("JPEG", (40, 60)), "it stands upright although it says so no more"
        assert dict(kept.getexif()) == {}
        assert set(kept.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        top, bottom = kept.getpixel((20, 5)), kept.getpixel((20, 55))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > bottom[0]


def test_a_clean_photograph_says_that_nothing_was_beside_it() -> None:
    found = clean(jpeg())
    assert (found.removed, found.width, found.height) == ((), 60, 40)


def test_a_large_one_is_made_smaller_and_what_is_transparent_white() -> None:
    found = clean(jpeg((2000, 1000)))
    assert (found.width, found.height) == (1600, 800)
    out = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(out, "PNG")
    with Image.open(io.BytesIO(clean(out.getvalue()).body)) as kept:
        assert kept.getpixel((5, 5)) == (255, 255, 255)


def bomb(side: int) -> bytes:
    """A small file that says it is a huge picture."""
    out = io.BytesIO()
    Image.new("1", (side, side)).save(out, "PNG", optimize=False)
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "broken"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "broken"),
        (jpeg()[:-200], "broken"),
        (with_secrets("PNG")[:300], "broken"),
        (b"GIF89a" + bytes(40), "broken"),
        (bomb(4001), "large"),
        (bomb(14000), "large"),
    ],
    ids=["nothing", "svg", "cut", "cut png", "gif", "many pixels", "bomb"],
)
def test_what_is_no_whole_photograph_of_bounded_size_is_refused(body: bytes, key: str) -> None:
    with pytest.raises(BadRequestData) as refused:
        clean(body)
    assert refused.value.wording is not None
    assert refused.value.wording.key == f"wildlife.photo.refused.{key}"


def test_who_reports_confirms_that_no_person_is_on_it() -> None:
    assert sent_photo({}) is None
    assert sent_photo({"photo": sent(b"abcd"), "nobody": "yes"}) == b"abcd"
    for form, key in (
        ({"photo": sent(b"abcd")}, "nobody"),
        ({"photo": "no base64!", "nobody": "yes"}, "broken"),
        ({"photo": "", "nobody": "yes"}, ""),
        ({"photo": sent(bytes(photos.MAX_SENT + 1)), "nobody": "yes"}, "large"),
    ):
        if not key:
            assert sent_photo(form) is None
            continue
        with pytest.raises(BadRequestData) as refused:
            sent_photo(form)
        assert refused.value.wording is not None
        assert refused.value.wording.key == f"wildlife.photo.refused.{key}"


# --- a report with one ----------------------------------------------------------------------------------------


@pytest.fixture
async def house(database_factory: DatabaseFactory) -> AsyncIterator[House]:
    async with opened(database_factory) as found:
        yield found


def client_of(house: House, **rights: object) -> Client:
    """The pages; rights may stand in for those of everybody."""
    doors = house.doors
    for name, given in rights.items():
        object.__setattr__(doors, name, given)
    live = Live(doors.database, doors.bus, Access(True), Contexts().core.compact)
    words = load_words([OWN_PACKAGE, PACKAGE])
    console = Console(wildlife_screens(doors, Stage()), words, tenants=doors.database.tenants, live=live)
    return Client(Starlette(routes=console.routes()))


async def report(house: House, client: Client, **fields: str) -> tuple[int, str]:
    form = {
        "kind": "catch",
        "id": UUID,
        "at": times.text(house.doors.clock.now()),
        "species": "Sus scrofa",
        "count": "1",
        "lon": "136.6",
        "lat": "36.4",
        **fields,
    }
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
        "accept-language": "en",
    }
    reply = await client.post(f"{BASE}/report", form, headers)
    return reply.status, reply.text


async def doc(house: House) -> dict[str, object] | None:
    found = await house.doors.broker.get(TOWN, ENTITY, ALL_ROWS, ALL_ATTRIBUTES)
    return None if found is None else dict(found["attrs"])


async def test_a_photograph_is_shown_with_its_report_and_tells_what_was_removed(house: House) -> None:
    client = client_of(house)
    assert (await report(house, client, photo=sent(with_secrets("JPEG")), nobody="yes"))[0] == 303
    shown = await client.get(f"{BASE}/photos/{ENTITY}")
    assert (shown.status, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.body.startswith(b"\xff\xd8")
    assert SECRET not in shown.body
    page = (await client.get(f"{BASE}/reports", {"accept-language": "ja"})).text
    assert f'src="{BASE}/photos/urn' in page
    assert "撮影場所(GPS)" in page
    assert f'action="{BASE}/photos/' in page


async def test_the_page_asks_for_the_newest_reports_of_each_kind_and_no_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_pages, "NEWEST", 3)
    for kind, attribute in (("Catch", entities.COUNT), ("Damage", entities.AREA)):
        for number in range(1, 6):
            at = f"2024-10-{number + (kind == 'Damage') * 2:02}T00:00:00Z"
            attrs: Any = {attribute: [{"type": "Property", "value": number, "observedAt": at}]}
            type_ = entities.CATCH if kind == "Catch" else entities.DAMAGE
            await house.doors.apply(
                own_call(TOWN, "report"), [entities.change(f"urn:ngsi-ld:Wildlife{kind}:{number}", type_, attrs)]
            )
    found, find = list[int](), house.doors.broker.find

    async def counted(tenant: str, query: Any) -> Any:
        page = await find(tenant, query)
        found.append(len(page.entities))
        return page

    monkeypatch.setattr(house.doors.broker, "find", counted)
    text = (await client_of(house).get(f"{BASE}/reports", {"accept-language": "en"})).text
    order = re.findall(r"entities/urn%3Angsi-ld%3AWildlife(\w+)%3A(\d)", text)
    assert order == [("Damage", "5"), ("Damage", "4"), ("Catch", "5")]
    assert "There are 7 more." in text
    assert max(found) <= 3


async def test_without_the_confirmation_nothing_is_written(house: House) -> None:
    client = client_of(house)
    status, text = await report(house, client, photo=sent(jpeg()))
    assert status == 400
    assert "tick that nobody is" in text
    assert await doc(house) is None
    visit = {"kind": "visit", "trap": "urn:ngsi-ld:WildlifeTrap:trap-field", "found": "nothing"}
    assert (await report(house, client, photo=sent(jpeg()), nobody="yes", **visit))[0] == 400
    assert await album.Album(house.doors.database, house.doors.clock).listed(TOWN) == {}


async def test_a_form_with_more_bytes_than_a_photograph_needs_is_refused(house: House) -> None:
    client = client_of(house)
    assert (await report(house, client, photo="A" * photos.MAX_FORM))[0] == 413
    assert (await report(house, client, photo="A" * (photos.MAX_FORM - 5000), nobody="yes"))[0] == 400


async def test_one_that_is_deleted_is_gone_at_once_and_does_not_come_back(house: House) -> None:
    client = client_of(house)
    assert (await report(house, client, photo=sent(jpeg()), nobody="yes"))[0] == 303
    assert (await client.post(f"{BASE}/photos/{ENTITY}", {})).status == 303
    assert (await client.get(f"{BASE}/photos/{ENTITY}")).status == 404
    left = await doc(house)
    assert left is not None
    assert entities.PHOTO not in left
    assert entities.COUNT in left, "the report stays"
    assert (await report(house, client, photo=sent(jpeg()), nobody="yes"))[0] == 303
    again = await doc(house)
    assert again is not None
    assert entities.PHOTO not in again
    assert (await client.get(f"{BASE}/photos/{ENTITY}")).status == 404
    kept = (await album.Album(house.doors.database, house.doors.clock).listed(TOWN))[ENTITY]
    assert (kept.size, kept.deleted_at > 0, kept.deleted_by) == (0, True, "anonymous ")
    assert "was deleted" in (await client.get(f"{BASE}/reports", {"accept-language": "en"})).text


async def test_the_same_report_again_changes_no_photograph(house: House) -> None:
    client = client_of(house)
    await report(house, client, photo=sent(jpeg()), nobody="yes")
    before = (await client.get(f"{BASE}/photos/{ENTITY}")).body
    await report(house, client, photo=sent(jpeg((80, 80))), nobody="yes")
    assert (await client.get(f"{BASE}/photos/{ENTITY}")).body == before


async def test_who_may_not_read_the_report_or_that_part_of_it_sees_no_photograph(house: House) -> None:
    await report(house, client_of(house), photo=sent(jpeg()), nobody="yes")

    async def without(call: Call) -> Grant:
        return Grant(ALL_ROWS, Visible((Clause(EVERY_ROW, Names(frozenset({entities.COUNT}))),)))

    async def never(call: Call) -> Grant:
        raise Forbidden("no")

    masked = client_of(house, rights=without, deletes=never)
    assert (await masked.get(f"{BASE}/photos/{ENTITY}")).status == 404
    page = (await masked.get(f"{BASE}/reports", {"accept-language": "en"})).text
    assert "/photos/" not in page
    reader = client_of(house, rights=house_rights)
    assert (await reader.get(f"{BASE}/photos/{ENTITY}")).status == 200
    page = (await reader.get(f"{BASE}/reports", {"accept-language": "en"})).text
    assert "<img" in page
    assert "Delete the photograph" not in page
    assert (await reader.post(f"{BASE}/photos/{ENTITY}", {})).status == 403


async def test_that_one_was_deleted_is_told_to_who_may_see_photographs_alone(house: House) -> None:
    client = client_of(house)
    await report(house, client, photo=sent(jpeg()), nobody="yes")
    assert (await client.post(f"{BASE}/photos/{ENTITY}", {})).status == 303

    async def without(call: Call) -> Grant:
        return Grant(ALL_ROWS, Visible((Clause(EVERY_ROW, Names(frozenset({entities.COUNT}))),)))

    async def with_it(call: Call) -> Grant:
        return Grant(ALL_ROWS, Visible((Clause(EVERY_ROW, Names(frozenset({entities.PHOTO}))),)))

    told = [
        "was deleted" in (await client_of(house, rights=one).get(f"{BASE}/reports", {"accept-language": "en"})).text
        for one in (with_it, without)
    ]
    assert told == [True, False]


async def test_who_may_not_write_the_report_leaves_no_photograph(house: House) -> None:
    shelf = album.Album(house.doors.database, house.doors.clock)

    async def refused(call: Call, changes: object) -> None:
        raise Forbidden("no")

    client = client_of(house)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(house.doors), "apply", lambda _, call, changes: refused(call, changes))
        assert (await report(house, client, photo=sent(jpeg()), nobody="yes"))[0] == 403
        assert await shelf.listed(TOWN) == {}
    await report(house, client, photo=sent(jpeg()), nobody="yes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(house.doors), "apply", lambda _, call, changes: refused(call, changes))
        assert (await report(house, client, photo=sent(jpeg((80, 80))), nobody="yes"))[0] == 403
    assert (await client.get(f"{BASE}/photos/{ENTITY}")).status == 200, "what was there stays"


async def house_rights(call: Call) -> Grant:
    return Grant(ALL_ROWS, ALL_ATTRIBUTES)


async def test_the_town_has_room_for_so_many(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(album, "MAX_KEPT", 100)
    client = client_of(house)
    status, text = await report(house, client, photo=sent(jpeg()), nobody="yes")
    assert status == 400
    assert "no room for more photographs" in text
    assert (await report(house, client))[0] == 303


async def test_a_report_that_is_taken_away_takes_its_photograph_with_it(house: House) -> None:
    client = client_of(house)
    await report(house, client, photo=sent(jpeg()), nobody="yes")
    await house.doors.apply(own_call(TOWN, "test"), [Change(Op.DELETE, ENTITY)])
    await house.watch.reader.catch_up()
    shelf = album.Album(house.doors.database, house.doors.clock)
    assert await shelf.body(TOWN, ENTITY) is None


async def test_a_photograph_whose_report_never_came_is_taken_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(0.0, watch.SWEEP)
    monkeypatch.setattr(watch, "monotonic", lambda: next(ticks))
    client = client_of(house)
    await report(house, client, photo=sent(jpeg()), nobody="yes")
    shelf = album.Album(house.doors.database, house.doors.clock)
    assert await shelf.keep(TOWN, "urn:ngsi-ld:WildlifeCatch:never", clean(jpeg()))
    assert await house.watch.sweep_photos() == 0, "it may still be under way"
    monkeypatch.setattr(album, "UNDER_WAY", -1)
    assert await house.watch.sweep_photos() == 1
    assert set(await shelf.listed(TOWN)) == {ENTITY}


async def test_so_many_are_taken_apart_at_once_and_no_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes memory while it lasts."""
    counting, most, gate = threading.Lock(), [0, 0], threading.Event()

    def slowly(body: bytes) -> photos.Picture:
        with counting:
            most[0] += 1
            most[1] = max(most)
        gate.wait(10)
        with counting:
            most[0] -= 1
        return clean(body)

    monkeypatch.setattr(album, "clean", slowly)
    shelf = album.Album(house.doors.database, house.doors.clock)
    cleaning = [asyncio.create_task(shelf.cleaned(jpeg())) for _ in range(4)]
    async with asyncio.timeout(10):
        while most[0] < album.AT_ONCE:  # noqa: ASYNC110 - threads set it
            await asyncio.sleep(0.005)
    gate.set()
    found = await asyncio.gather(*cleaning)
    assert (len(found), most[1]) == (4, album.AT_ONCE)
