"""The page on which a person types a claim code, in ja, en and やさしい日本語: whoever types it has no account here."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from kumihimo.base.errors import Problem
from kumihimo.base.texts import ALL_LANGUAGES, Words, choose_language, parse_texts, translator
from kumihimo.device.enrolment.models import Redeemed

PACKAGE: Final = "kumihimo.device.enrolment"
MAX_CODE: Final = 40
_YEAR: Final = 365 * 24 * 3600
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_templates: Final = Environment(loader=PackageLoader(PACKAGE), autoescape=True, undefined=StrictUndefined)


@cache
def _texts() -> Words:
    return parse_texts(files(PACKAGE).joinpath("texts.toml").read_text("utf-8"), PACKAGE)


def claim_page(
    request: Request,
    status: int = 200,
    *,
    code: str = "",
    problem: Problem | None = None,
    found: Redeemed | None = None,
) -> Response:
    """The form, with the code that the address gave; after it was sent what went wrong, or the key, this once."""
    asked = request.query_params.get("lang", "")
    lang = choose_language(
        asked, request.cookies.get("lang", ""), request.headers.get("accept-language", ""), ALL_LANGUAGES
    )
    given = {"code": request.query_params.get("code", "")[:MAX_CODE]}
    kept = {name: value for name, value in given.items() if value}
    values = {
        "tenant": request.path_params["tenant"][:64],
        "code": code,
        "problem": problem,
        "found": found,
        "t": translator(_texts(), lang),
        "language": lang,
        "languages": [(one, f"?{urlencode({**kept, 'lang': one})}") for one in ALL_LANGUAGES],
    }
    html = _templates.get_template("claim.html").render(values)
    more = {} if problem is None else problem.headers()
    answer = Response(html, status, {**_HEADERS, **more}, "text/html")
    if asked in ALL_LANGUAGES:
        answer.set_cookie("lang", asked, max_age=_YEAR, httponly=True, samesite="lax", path="/")
    return answer
