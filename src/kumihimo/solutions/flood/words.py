"""The wing's texts for what is worded outside a template: rows of gauges, signs and sirens, the CSV."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from kumihimo.base.texts import Words, translator, words_below
from kumihimo.service.console.words import load_words

PACKAGE = "kumihimo.solutions.flood"


@cache
def fact_titles() -> Words:
    """What the figures of the wing's alerts are called, by their name, then by language."""
    return words_below(load_words([PACKAGE]), "flood.fact.")


@cache
def words(lang: str) -> Callable[..., str]:
    """`t(key, **values)` of the wing's own texts in "ja" or "en"."""
    return translator(load_words([PACKAGE]), lang)
