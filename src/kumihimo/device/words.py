"""A sentence in Japanese and English, for what is kept and shown in either language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The same sentence twice."""

    ja: str
    en: str

    def __str__(self) -> str:
        return f"{self.ja} / {self.en}"

    def in_language(self, lang: str) -> str:
        """Japanese for "ja", English otherwise."""
        return self.ja if lang == "ja" else self.en


class Refused(Exception):
    """A message or a command is not taken; words say why and what to do."""

    def __init__(self, ja: str, en: str) -> None:
        super().__init__(en)
        self.words = Words(ja, en)
