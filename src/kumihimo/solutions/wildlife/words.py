"""The wing's texts for what is worded outside a template, and names of animals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from kumihimo.base.texts import Words, translator, words_below
from kumihimo.service.console.words import load_words

PACKAGE = "kumihimo.solutions.wildlife"

SPECIES: dict[str, tuple[str, str]] = {
    "Ursus thibetanus": ("クマ", "bear"),
    "bear": ("クマ", "bear"),
    "Sus scrofa": ("イノシシ", "wild boar"),
    "boar": ("イノシシ", "wild boar"),
    "Cervus nippon": ("シカ", "deer"),
    "deer": ("シカ", "deer"),
    "Macaca fuscata": ("サル", "macaque"),
    "monkey": ("サル", "macaque"),
}
AUDIENCES = ("farmers", "hunters", "residents")
BEARS = frozenset({"Ursus thibetanus", "Ursus arctos", "bear"})


def species_name(species: str, lang: str) -> str:
    """An animal's name for a reader of "ja" or "en"; a label that is not known here stays as the sensor gave it."""
    if not species or species in ("unknown", "animal"):
        return "動物(種類不明)" if lang == "ja" else "animal of unknown species"
    return SPECIES.get(species, (species, species))[lang != "ja"]


@cache
def fact_titles() -> Words:
    """What the figures of the wing's alerts are called, by their name, then by language."""
    return words_below(load_words([PACKAGE]), "wildlife.fact.")


@cache
def words(lang: str) -> Callable[..., str]:
    """`t(key, **values)` of the wing's own texts in "ja" or "en"."""
    return translator(load_words([PACKAGE]), lang)
