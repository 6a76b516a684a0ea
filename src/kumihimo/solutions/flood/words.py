"""The wing's texts for what is worded outside a template: rows of gauges, signs and sirens, the CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from kumihimo.base.texts import translator
from kumihimo.service.console.words import load_words

PACKAGE = "kumihimo.solutions.flood"


@cache
def fact_titles() -> Mapping[str, Mapping[str, str]]:
    """What the figures of the wing's alerts are called, by their name, then by language."""
    own = "flood.fact."
    return {key.removeprefix(own): said for key, said in load_words([PACKAGE]).items() if key.startswith(own)}


@cache
def words(lang: str) -> Callable[..., str]:
    """`t(key, **values)` of the wing's own texts in "ja" or "en"."""
    return translator(load_words([PACKAGE]), lang)
