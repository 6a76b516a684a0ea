"""Why a rule set is not taken, or a rule is stopped: in both languages, since officers and developers read it."""

from __future__ import annotations

from dataclasses import dataclass

from kumihimo.base.errors import KUMIHIMO_ERRORS, Problem


@dataclass(frozen=True, slots=True)
class Words:
    """A reason in Japanese and in English."""

    ja: str
    en: str

    def of(self, lang: str) -> str:
        """In the language of a page."""
        return self.ja if lang == "ja" else self.en


NO_WORDS = Words("", "")


class RuleRefused(Problem):
    """A rule set cannot be kept as it is written; the detail says where and why, detailJa the same in Japanese."""

    type = KUMIHIMO_ERRORS + "RuleRefused"
    title = "Rule refused"
    status = 422

    def __init__(self, en: str, ja: str, *, retry_after: int | None = None) -> None:
        super().__init__(en, retry_after=retry_after, detailJa=ja)
        self.words = Words(ja, en)


class ChangedMeanwhile(Problem):
    """Somebody else changed the rule set meanwhile; theirs is the text that stands, yours what was sent."""

    type = KUMIHIMO_ERRORS + "RuleSetChanged"
    title = "Changed by somebody else meanwhile"
    status = 409

    def __init__(self, detail: str, *, theirs: str, yours: str, revision: int) -> None:
        super().__init__(detail, theirs=theirs, yours=yours, revision=revision)
        self.theirs = theirs
        self.yours = yours
        self.revision = revision
