"""Refusals in the language of whoever typed the command: what the environment says (POSIX, XBD section 8.2)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from kumihimo.base.errors import Problem, Wording
from kumihimo.cli.socket import Remote


def language() -> str:
    """What LC_ALL, else LC_MESSAGES, else LANG says: "ja", and "en" for all others."""
    named = next((found for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (found := os.environ.get(name))), "")
    return "ja" if named.partition(".")[0].partition("_")[0] == "ja" else "en"


def said(problem: Exception) -> str:
    """Why something was refused, for the terminal. Where a problem has no Japanese words, its detail stands behind what
    kind it is.
    """
    if language() == "en" or not isinstance(problem, Problem):
        return str(problem)
    return in_japanese(problem) or t(f"cli.refused.{_kind(problem)}", detail=problem.detail)


def _kind(problem: Problem) -> str:
    known = (400, 401, 403, 404, 409, 422, 500, 503)
    status = problem.told_status if isinstance(problem, Remote) else problem.status
    return str(status) if status in known else "other"


def in_japanese(problem: Problem) -> str:
    """The problem's own words in Japanese, "" where it has none."""
    if isinstance(problem, Remote):
        return problem.ja
    try:
        return "" if problem.wording is None else _say()(problem.wording)
    except KeyError:  # a room of whose texts there are none
        return ""


def t(key: str, **values: object) -> str:
    """A text of a command in the language of whoever typed it."""
    from kumihimo.base.texts import translator

    return translator(_texts(), language())(key, **values)


@cache
def _say() -> Callable[[Wording], str]:
    from kumihimo.base.texts import translator
    from kumihimo.service.console.words import said_in

    return said_in(translator(_texts(), "ja"), "ja")


@cache
def _texts() -> dict[str, dict[str, str]]:
    """The texts of all rooms: any of them may have refused. Read when something is refused, as it takes a moment."""
    from kumihimo.service.console.words import load_words

    return load_words(sorted(_with_texts(files("kumihimo"), "kumihimo")))


def _with_texts(folder: Traversable, package: str) -> list[str]:
    found = [package] if folder.joinpath("texts.toml").is_file() else []
    for one in folder.iterdir():
        if one.is_dir() and one.joinpath("__init__.py").is_file():
            found += _with_texts(one, f"{package}.{one.name}")
    return found
