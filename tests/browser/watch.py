"""A page in real Chromium that notes what goes wrong on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules/axe-core/axe.min.js"


class Watch:
    """A browser page, with the console's errors and warnings and the requests that failed."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.problems: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))

    def _note(self, message: Any) -> None:
        if (
            message.type in ("error", "warning")
            and "GPU stall" not in message.text
            and "swiftshader" not in message.text.lower()
        ):
            self.problems.append(f"{message.type}: {message.text}")

    async def violations(self) -> list[str]:
        """What axe finds, rule by rule with the element (WCAG 2.2 A and AA and its best practices)."""
        await self.page.evaluate(AXE.read_text("utf-8"))
        found = await self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    async def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        width = await self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return int(width)


async def open_watch(browser: Browser, *, lang: str = "ja", width: int = 1280, height: int = 900) -> Watch:
    """A fresh page of a window of this size."""
    context = await browser.new_context(
        locale="ja-JP" if lang == "ja" else "en-GB",
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    return Watch(context, await context.new_page())
