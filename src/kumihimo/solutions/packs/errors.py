"""What is refused of a pack."""

from __future__ import annotations

from kumihimo.base.errors import KUMIHIMO_ERRORS, Problem


class PackRefused(Problem):
    """A pack cannot be taken: broken, unsafe, unsigned, or it clashes. The detail says where, why and what to do."""

    type = KUMIHIMO_ERRORS + "PackRefused"
    title = "Pack refused"
    status = 422


class PackChanged(Problem):
    """Somebody changed the pack meanwhile: look at it anew, and say it again."""

    type = KUMIHIMO_ERRORS + "PackChanged"
    title = "Changed meanwhile"
    status = 409


def refused(en: str, ja: str) -> PackRefused:
    """A refusal in both languages."""
    return PackRefused(en).said(ja)


def refused_at(where: str, problem: Problem) -> PackRefused:
    """What another room does not take of a pack, with the place in the pack; in both languages where it says so."""
    found = PackRefused(f"{where}: {problem.detail}")
    return found.worded("packs.refused.at", where=where, why=problem.wording or problem.detail)
