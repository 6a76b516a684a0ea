"""The room's own pages, in ja, en and やさしい日本語: they belong to no tenant; strangers see them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from kumihimo.base.errors import Problem
from kumihimo.base.texts import ALL_LANGUAGES, Words, choose_language, parse_texts, translator
from kumihimo.platform.outside.models import LogInRefused

PACKAGE: Final = "kumihimo.platform.outside"
LOG_IN: Final = "/login"
"""Where the log-in page is."""
_YEAR: Final = 365 * 24 * 3600
PROVE: Final = "/prove?next=/me/outside"
"""Where a person who is logged in proves themselves anew."""
MINE: Final = "/me/outside"
_OF_MINE: Final = ("last-way", "linked-before", "too-many-links", "taken", "other-session")
"""What goes wrong for who is logged in already."""
POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def language_of(request: Request) -> str:
    """The language to answer in: of the address, of the cookie, or the first of ours that the browser names."""
    return choose_language(
        request.query_params.get("lang", ""),
        request.cookies.get("lang", ""),
        request.headers.get("accept-language", ""),
        ALL_LANGUAGES,
    )


@cache
def _texts() -> Words:
    return parse_texts(files(PACKAGE).joinpath("texts.toml").read_text("utf-8"), PACKAGE)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def words(lang: str, key: str, **values: object) -> str:
    """A text of the room in this language, with {values} put in."""
    return translator(_texts(), lang)(key, **values)


def page(request: Request, template: str, title: str, status: int = 200, **values: Any) -> Response:
    """A page of this room; title is the key of its text, values are the template's."""
    lang = language_of(request)
    made = {
        "go": "",
        "back": LOG_IN,
        "back_words": "log-in",
        "has_languages": status == 200 and "go" not in values,
        "path": request.url.path,
        **values,
        "lang": lang.partition("-")[0],
        "language": lang,
        "languages": [(code, words(code, f"outside.language.{code}")) for code in ALL_LANGUAGES],
        "title": words(lang, title, **values.get("title_values", {})),
        "t": lambda key, **more: words(lang, key, **more),
    }
    answer = dressed(HTMLResponse(_environment().get_template(template).render(made), status))
    if request.query_params.get("lang", "") in ALL_LANGUAGES:
        answer.set_cookie("lang", lang, max_age=_YEAR, httponly=True, samesite="lax", path="/")
    return answer


def refused(request: Request, problem: Problem) -> Response:
    """The page that says what went wrong and what to do; of the problem itself it repeats nothing."""
    code = problem.code if isinstance(problem, LogInRefused) else "other"
    key = f"outside.error.{code if f'outside.error.{code}' in _texts() else 'other'}"
    answer = page(
        request,
        "refused.html",
        key,
        problem.status,
        advice=words(language_of(request), f"{key}.do"),
        back=PROVE if code == "proof" else MINE if code in _OF_MINE else LOG_IN,
        back_words="prove" if code == "proof" else "mine" if code in _OF_MINE else "log-in",
        request_id=str(request.scope.get("state", {}).get("request_id", "")),
    )
    answer.headers.update(problem.headers())
    return answer


def dressed(answer: Response) -> Response:
    """The answer with what keeps it out of frames, caches and other sites' sight."""
    answer.headers["content-security-policy"] = POLICY
    answer.headers["referrer-policy"] = "no-referrer"
    answer.headers["x-content-type-options"] = "nosniff"
    answer.headers["cache-control"] = "no-store"
    return answer
