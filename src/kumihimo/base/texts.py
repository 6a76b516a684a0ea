"""Words of the screens, by key and language, from a room's `texts.toml` (ja and en from the first commit).

Form: one table per key, `["alerts.title"]` with `ja = "…"` and `en = "…"`. A key without one of the
languages is an error at start, so that no screen is half translated.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

LANGUAGES = ("ja", "en")
EASY = "ja-easy"
"""やさしい日本語, in which some pages are there too; where a key has no such text, the Japanese one stands in."""


def parse_texts(source: str, where: str) -> dict[str, dict[str, str]]:
    """Texts by key, then by language. Raises ValueError naming the file and the key that lacks a language."""
    table = tomllib.loads(source)
    found: dict[str, dict[str, str]] = {}
    for key, words in table.items():
        if not isinstance(words, Mapping):
            raise ValueError(f'{where}: write ["{key}"] as a table with ja and en')
        missing = [lang for lang in LANGUAGES if not words.get(lang)]
        if missing:
            raise ValueError(f"{where}: {key!r} has no text in {', '.join(missing)}")
        found[key] = {lang: str(text) for lang, text in words.items()}
    return found
