"""The words of the screens: loading every room's `texts.toml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.resources import files

from markupsafe import Markup

from kumihimo.base.errors import Problem, Word, Wording
from kumihimo.base.texts import parse_texts

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


def said_in(t: Callable[..., str], lang: str) -> Callable[[Wording], str]:
    """The text of a wording in a language. KeyError where t has none."""
    between = ", " if lang == "en" else "、"

    def put(word: Word) -> str:
        if isinstance(word, Wording):
            return say(word)
        return between.join(map(put, word)) if isinstance(word, tuple) else str(word)

    def say(wording: Wording) -> str:
        if not wording.key:
            return put(wording.values["en" if lang == "en" else "ja"])
        return t(wording.key, **{name: put(word) for name, word in wording.values.items()})

    return say


def refusal_in(t: Callable[..., str], lang: str) -> Callable[[Problem], Markup]:
    """`refusal(problem)`: why something was refused, in the reader's language where there are words for it."""
    say = said_in(t, lang)

    def refusal(problem: Problem) -> Markup:
        with suppress(KeyError):  # a room that has no screens here has no texts here
            if problem.wording is not None:
                return Markup("<span>{}</span>").format(say(problem.wording))
        return Markup('<span lang="en">{}</span>').format(problem.detail)

    return refusal
