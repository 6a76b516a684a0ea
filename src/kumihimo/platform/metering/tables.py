"""Usage and costs as CSV, for spreadsheets of either time: UTF-8 with its mark, or CP932."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from kumihimo.base.cells import plain
from kumihimo.base.errors import BadRequestData
from kumihimo.platform.metering.models import MEASURES, WEIGHED, WHOLE, CostTable, Usage

Words = Callable[[str], str]
"""The word for a measure, a service or a heading."""
ENCODINGS: Final[Mapping[str, str]] = {"utf-8": "utf-8-sig", "cp932": "cp932"}

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "tenant": ("テナント", "Tenant"),
    "month": ("月", "Month"),
    "day": ("日", "Day"),
    "service": ("サービス", "Service"),
    "state": ("状態", "State"),
    "over": ("確定", "Month over"),
    "under way": ("途中(暫定)", "Month not over"),
    "whole": ("(全体)", "(whole tenant)"),
    "old": ("(月の合計)", "(sum of the month)"),
    "sum": ("合計", "Sum"),
    "total": ("負担額", "To pay"),
    "cost of": ("負担額: {}", "Cost of {}"),
    "read": ("読み取り", "Reads"),
    "write": ("書き込み", "Writes"),
    "subscribe": ("購読の操作", "Subscription calls"),
    "feed": ("ライブ配信", "Feeds"),
    "past": ("履歴の照会", "Temporal reads"),
    "screen": ("画面", "Pages"),
    "bytes": ("応答(バイト)", "Answered (bytes)"),
    "readings": ("観測値", "Readings"),
    "refused": ("拒否した観測値", "Readings refused"),
    "sent": ("通知", "Notifications"),
    "failed": ("失敗した通知", "Notifications failed"),
    "storage": ("保存容量(バイト)", "Stored (bytes)"),
    "calls": ("API 呼び出し", "API calls"),
    "notifications": ("通知", "Notifications"),
    "byte days": ("保存容量(バイト×日)", "Stored (bytes x days)"),
    "evenly": ("均等割", "Evenly"),
    "persons": ("利用者", "Persons"),
    "devices": ("端末", "Devices"),
    "anonymous": ("ログインなし", "Anonymous"),
    "platform": ("基盤", "Platform"),
    "others": ("その他", "Others"),
}


def word(name: str, lang: str) -> str:
    """The word for a measure, a kind of service or a heading; a name that is none of these as it is."""
    ja, en = _WORDS.get(name, (name, name))
    return ja if lang == "ja" else en


def service(name: str, lang: str) -> str:
    """How a service is called."""
    return word("whole", lang) if name == WHOLE else word(name, lang)


def weighed(name: str, lang: str) -> str:
    """How what a cost is split by is called."""
    return word("byte days" if name == "storage" else name, lang)


def usage_table(found: Sequence[Usage], lang: str) -> str:
    """Rows of tenant, day and service with a column for each measure."""
    rows: list[list[Any]] = [[*(word(one, lang) for one in ("tenant", "month", "state", "day", "service", *MEASURES))]]
    for one in found:
        sums: dict[tuple[str, str], dict[str, int]] = {}
        for used in one.rows:
            sums.setdefault((used.day, used.service), {})[used.measure] = used.amount
        for (day, name), amounts in sorted(sums.items()):
            head = [one.tenant, one.month, _state(lang, is_over=one.is_over), day or word("old", lang)]
            rows.append([*head, service(name, lang), *(amounts.get(each, 0) for each in MEASURES)])
    return _csv(rows)


def cost_table(table: CostTable, lang: str) -> str:
    """A row for each tenant with what it used and bears, and their sum, which is the cost."""
    names = [name for name in WEIGHED if table.plan is not None and table.plan.weights.get(name)]
    used = [weighed(name, lang) for name in names if name != "evenly"]
    paid = [word("cost of", lang).format(word(name, lang)) for name in names]
    rows: list[list[Any]] = [
        [*(word(one, lang) for one in ("month", "state", "tenant")), *used, *paid, word("total", lang)]
    ]
    head = [table.month, _state(lang, is_over=table.is_over)]
    for one in table.shares:
        amounts = [one.amounts[name] for name in names if name != "evenly"]
        rows.append([*head, one.tenant, *amounts, *(one.parts[name] for name in names), one.total])
    if table.shares:
        sums = [sum(one.amounts[name] for one in table.shares) for name in names if name != "evenly"]
        parts = [sum(one.parts[name] for one in table.shares) for name in names]
        rows.append([*head, word("sum", lang), *sums, *parts, sum(parts)])
    return _csv(rows)


def _state(lang: str, *, is_over: bool) -> str:
    return word("over" if is_over else "under way", lang)


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([plain(cell) for cell in row] for row in rows)
    return out.getvalue()


def encoded(text: str, encoding: str) -> bytes:
    """The table in UTF-8 with a byte order mark, as Excel wants it, or in CP932. BadRequestData for another name."""
    if encoding not in ENCODINGS:
        raise BadRequestData(f"a table is written in {' or '.join(ENCODINGS)}, not in {encoding[:32]!r}")
    return text.encode(ENCODINGS[encoding], errors="replace")
