"""What a notice says: as a short mail in plain text, and on a telephone's screen; in the reader's language."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote, urlsplit

from kumihimo.base import jsontext, times
from kumihimo.base.ports import Letter
from kumihimo.base.texts import Words, parse_texts, translator
from kumihimo.base.times import JST
from kumihimo.service.notices.match import nearest
from kumihimo.service.notices.models import Message, Notice, Recipient
from kumihimo.service.notices.webpush import MAX_TEXT

PACKAGE: Final = "kumihimo.service.notices"
LINKS: Final = "/notices/v1"
MAX_SAID: Final = 400
"""Characters of what a telephone shows."""
TownName = Callable[[str, str], str]
"""What a tenant is called in a language."""


def own_words() -> Words:
    """The room's texts."""
    return parse_texts(files(PACKAGE).joinpath("texts.toml").read_text("utf-8"), PACKAGE)


def spoken(said: Mapping[str, str], lang: str) -> str:
    """The text in the language, or the nearest to it."""
    return said.get(lang) or said.get(lang.partition("-")[0]) or said.get("ja") or next(iter(said.values()), "")


class Composer:
    """Writes messages. address: where the platform is reached from outside; name: a tenant's name in a language."""

    def __init__(self, address: Callable[[], str], name: TownName) -> None:
        self._words = own_words()
        self._address = address
        self._name = name

    # --- mail --------------------------------------------------------------------------------------------

    def letter(self, tenant: str, message: Message, notice: Notice, to: Recipient) -> Letter:
        """The notice as a mail."""
        t = translator(self._words, to.lang)
        title, parts = spoken(notice.title, to.lang), [spoken(notice.title, to.lang), ""]
        parts.append(f"{t('notices.mail.when')}: {when(notice.at)}")
        if where := self._where(notice, to, t):
            parts.append(f"{t('notices.mail.where')}: {where}")
        parts += ["", spoken(notice.text, to.lang)]
        if notice.link:
            parts += ["", self._page(tenant, notice)]
        subject = t("notices.mail.subject", town=self._name(tenant, to.lang), title=title)
        return self._signed(tenant, message, to, subject, parts, t)

    def question(self, tenant: str, message: Message, to: Recipient, list_name: str) -> Letter:
        """The mail that asks whether the address is right; nothing else is sent before somebody said so."""
        t = translator(self._words, to.lang)
        town = self._name(tenant, to.lang)
        lead = (
            t("notices.mail.confirm.list", town=town, list=list_name)
            if to.list
            else t("notices.mail.confirm.lead", town=town)
        )
        parts = [lead, "", self.link(tenant, to, "confirm"), "", t("notices.mail.confirm.else")]
        return self._signed(tenant, message, to, t("notices.mail.confirm.subject", town=town), parts, t)

    def _signed(
        self, tenant: str, message: Message, to: Recipient, subject: str, parts: list[str], t: Callable[..., str]
    ) -> Letter:
        stop = self.link(tenant, to, "stop")
        why = t("notices.mail.why.list" if to.list else "notices.mail.why", town=self._name(tenant, to.lang))
        host = urlsplit(self._address()).hostname or "localhost"
        headers = {
            "Message-ID": f"<{message.id}@{host}>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": to.lang.partition("-")[0],
            "List-Id": f"<{tenant}.notices.{host}>",
            "List-Unsubscribe": f"<{stop}>",
        }
        if stop.startswith("https://"):  # RFC 8058 section 3.1: one click is for https alone
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        text = "\n".join([*parts, "", "-- ", why, f"{t('notices.mail.stop')}: {stop}", ""])
        return Letter(to.email, " ".join(subject.split()), text, headers)

    def link(self, tenant: str, to: Recipient, what: str) -> str:
        """The address in a mail by which its reader confirms or stops."""
        secret = to.confirm if what == "confirm" else to.stop
        return f"{self._address()}{LINKS}/{quote(tenant)}/{what}/{to.id}.{secret}"

    # --- web push ----------------------------------------------------------------------------------------

    def push(self, tenant: str, notice: Notice, to: Recipient) -> bytes:
        """The notice as our service worker shows it; the tag lets one that comes twice take the place of itself."""
        t = translator(self._words, to.lang)
        lines = [f"{when(notice.at)} {self._where(notice, to, t)}".strip(), spoken(notice.text, to.lang)]
        shown: dict[str, Any] = {
            "title": f"{self._name(tenant, to.lang)}: {spoken(notice.title, to.lang)}"[:MAX_SAID],
            "body": "\n".join(lines)[:MAX_SAID],
            "url": f"/t/{quote(tenant)}{notice.link}" if notice.link else "/notices",
            "tag": topic_of(notice.id),
            "lang": to.lang.partition("-")[0],
            "urgent": notice.urgent,
        }
        raw = jsontext.dumps(shown)
        if len(raw) > MAX_TEXT:
            raw = jsontext.dumps({**shown, "body": lines[0][:MAX_SAID], "title": shown["title"][:100]})
        return raw

    def _where(self, notice: Notice, to: Recipient, t: Callable[..., str]) -> str:
        area = spoken(notice.area, to.lang)
        found = nearest(notice, to.areas)
        if found is None:
            return area
        away = t("notices.mail.away", km=f"{found[1] / 1000:.1f}", place=found[0].name or t("notices.place.unnamed"))
        return t("notices.mail.near", area=area, away=away) if area else away

    def _page(self, tenant: str, notice: Notice) -> str:
        return f"{self._address()}/t/{quote(tenant)}{notice.link}"


def topic_of(notice: str) -> str:
    """32 characters for a notice (RFC 8030 section 5.4): a push that comes twice takes the place of one that waits."""
    return hashlib.sha256(notice.encode()).hexdigest()[:32]


def when(at: int) -> str:
    """A moment in the town's time, to the minute."""
    return times.from_micros(at).astimezone(JST).strftime("%Y-%m-%d %H:%M")
