"""The words of the screens: loading every room's `texts.toml` and choosing the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files

from markupsafe import Markup

from kumihimo.base.errors import Problem, Word, Wording
from kumihimo.base.texts import EASY, LANGUAGES, parse_texts

Words = Mapping[str, Mapping[str, str]]
OWN_PACKAGE = "kumihimo.service.console"


def load_words(packages: Iterable[str]) -> dict[str, dict[str, str]]:
    """Texts by key, then language, of the packages' `texts.toml`; a package without one gives nothing.

    Raises ValueError where a key lacks a language or two packages use the same key.
    """
    found: dict[str, dict[str, str]] = {}
    for package in dict.fromkeys(packages):
        source = files(package).joinpath("texts.toml")
        if not source.is_file():
            continue
        words = parse_texts(source.read_text("utf-8"), package)
        twice = sorted(found.keys() & words.keys())
        if twice:
            raise ValueError(f"{package}: texts of another room have the same key: {', '.join(twice)}")
        found.update(words)
    return found


def translator(words: Words, lang: str) -> Callable[..., str]:
    """`t(key, **values)`: the text in this language with {values} put in. KeyError for an unknown key."""

    def t(key: str, **values: object) -> str:
        texts = words[key]
        text = texts.get(lang) or texts[lang.partition("-")[0]]
        if lang == EASY:
            text = _together(text)
        return text.format(**values) if values else text

    return t


def refusal_in(t: Callable[..., str], lang: str) -> Callable[[Problem], Markup]:
    """`refusal(problem)`: why something was refused, in the reader's language where there are words for it."""
    between = ", " if lang == "en" else "、"

    def put(word: Word) -> str:
        if isinstance(word, Wording):
            return say(word)
        return between.join(map(put, word)) if isinstance(word, tuple) else str(word)

    def say(wording: Wording) -> str:
        return t(wording.key, **{name: put(word) for name, word in wording.values.items()})

    def refusal(problem: Problem) -> Markup:
        with suppress(KeyError):  # a room that has no screens here has no texts here
            if problem.wording is not None:
                return Markup("<span>{}</span>").format(say(problem.wording))
        return Markup('<span lang="en">{}</span>').format(problem.detail)

    return refusal


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
