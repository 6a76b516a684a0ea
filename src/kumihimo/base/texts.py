"""Words of the screens, by key and language, from a room's `texts.toml` (ja and en from the first commit), and the
choice of the reader's language.

Form: one table per key, `["alerts.title"]` with `ja = "…"` and `en = "…"`. A key without one of the
languages is an error at start, so that no screen is half translated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from kumihimo.base import tomltext

Words = Mapping[str, Mapping[str, str]]
"""Texts by key, then by language."""
LANGUAGES = ("ja", "en")
EASY = "ja-easy"
"""やさしい日本語, in which some pages are there too; where a key has no such text, the Japanese one stands in."""
ALL_LANGUAGES = (*LANGUAGES, EASY)
"""Those of the pages that are for everybody: logging in, what one allows, claiming a device."""


def parse_texts(source: str, where: str) -> dict[str, dict[str, str]]:
    """Texts by key, then by language. Raises ValueError naming the file and the key that lacks a language."""
    table = tomltext.loads(source)
    found: dict[str, dict[str, str]] = {}
    for key, words in table.items():
        if not isinstance(words, Mapping):
            raise ValueError(f'{where}: write ["{key}"] as a table with ja and en')
        missing = [lang for lang in LANGUAGES if not words.get(lang)]
        if missing:
            raise ValueError(f"{where}: {key!r} has no text in {', '.join(missing)}")
        found[key] = {lang: str(text) for lang, text in words.items()}
    return found


def words_below(words: Words, own: str) -> Words:
    """The words whose keys begin with own ("flood.fact."), by what comes behind it."""
    return {key.removeprefix(own): said for key, said in words.items() if key.startswith(own)}


def translator(words: Words, lang: str) -> Callable[..., str]:
    """`t(key, **values)`: the text in this language with {values} put in. KeyError for an unknown key."""

    def t(key: str, **values: object) -> str:
        texts = words[key]
        text = texts.get(lang) or texts[lang.partition("-")[0]]
        if lang == EASY:
            text = _together(text)
        return text.format(**values) if values else text

    return t


def _together(text: str) -> str:
    """A word and its reading in brackets stay on one line (U+2060, word joiner)."""
    return re.sub("）(?=[ぁ-ん])", "）\u2060", text.replace("（", "\u2060（"))


def choose_language(asked: str, cookie: str, accept: str, languages: Sequence[str] = LANGUAGES) -> str:
    """The language to answer in: asked for in the address, kept in the cookie, or wished by the browser.

    `accept` is an Accept-Language header (RFC 9110 section 12.5.4); Japanese where nothing fits. Where a page is not
    there in やさしい日本語, who wishes for that gets Japanese.
    """
    for wish in (asked, cookie):
        found = wish if wish in languages else wish.removesuffix("-easy")
        if found in languages:
            return found
    wishes = sorted((_weigh(part) for part in accept.split(",")), key=lambda wish: -wish[1])
    for tag, weight in wishes:
        if weight > 0 and tag.split("-")[0] in LANGUAGES:
            return tag.split("-")[0]
    return LANGUAGES[0]


def _weigh(part: str) -> tuple[str, float]:
    tag, _, parameter = part.strip().lower().partition(";")
    if not parameter:
        return tag.strip(), 1.0
    try:
        return tag.strip(), float(parameter.strip().removeprefix("q="))
    except ValueError:
        return tag.strip(), 0.0
