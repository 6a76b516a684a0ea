"""A browser without a screen: speaks ASGI to a whole platform, keeps its cookies, and says that it is our own page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str:
        return next((value for one, value in self.headers if one == name), "")

    @property
    def cookies(self) -> list[str]:
        return [value for name, value in self.headers if name == "set-cookie"]

    def hidden(self, name: str) -> str:
        """The value of a hidden field of the page's form."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, self.text
        return found[1]


@dataclass
class Surfer:
    app: Any
    host: str = "localhost:8080"
    scheme: str = "http"
    address: str = "192.0.2.1"
    jar: dict[str, str] = field(default_factory=dict)
    lang: str = "ja"

    async def get(self, url: str, **fields: str) -> Reply:
        return await self.send("GET", url, b"", fields)

    async def post(self, url: str, form: dict[str, str] | None = None, **fields: str) -> Reply:
        given = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **fields}
        return await self.send("POST", url, urlencode(form or {}).encode(), given)

    async def send(self, method: str, url: str, body: bytes, fields: dict[str, str]) -> Reply:
        parts = urlsplit(url)
        given = {"host": self.host, "accept": "text/html", "accept-language": self.lang, "user-agent": "Surfer 1"}
        if self.jar:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        given |= {name.replace("_", "-"): value for name, value in fields.items()}
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": self.scheme, "path": unquote(parts.path),
            "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": (self.address, 9),
        }  # fmt: skip
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        async def take(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, take)
        headers = [(name.decode(), value.decode("latin-1")) for name, value in sent[0]["headers"]]
        reply = Reply(sent[0]["status"], headers, b"".join(one.get("body", b"") for one in sent[1:]).decode())
        self._keep(reply)
        return reply

    def _keep(self, reply: Reply) -> None:
        for line in reply.cookies:
            for name, one in SimpleCookie(line).items():
                if one.value and one["max-age"] != "0":
                    self.jar[name] = one.value
                else:
                    self.jar.pop(name, None)
