"""Every way in which a log-in can fail has words, in both languages, that say what happened and what to do."""

from __future__ import annotations

import re
from importlib.resources import files

from kumihimo.base.texts import parse_texts
from kumihimo.platform.outside.pages import PACKAGE

CODE = re.compile(
    r'(?:LogInRefused|ProviderFailed)\(\s*"([a-z-]+)"|code: str = "([a-z-]+)"|code="([a-z-]+)"|return "([a-z-]+)"'
)
RAISED_BY_NAME = {"no-provider", "too-many", "taken"}


def test_every_code_has_words() -> None:
    package = files(PACKAGE)
    texts = parse_texts((package / "texts.toml").read_text("utf-8"), PACKAGE)
    sources = "".join(
        (package / f"{name}.py").read_text("utf-8")
        for name in ("api", "door", "discovery", "flow", "people", "relying", "tokens")
    )
    codes = {next(filter(None, found.groups())) for found in CODE.finditer(sources)} | RAISED_BY_NAME
    assert len(codes) >= 19, codes
    worded = {
        key.removeprefix("outside.error.").removesuffix(".do") for key in texts if key.startswith("outside.error.")
    }
    assert worded - {"other"} == codes
    for code in worded:
        assert f"outside.error.{code}" in texts
        assert f"outside.error.{code}.do" in texts
