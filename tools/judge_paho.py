"""The Eclipse Paho interoperability suite for MQTT 5 (interoperability/client_test5.py), against a fresh platform.

Each case runs in a process of its own: the suite's clients outlive a case that fails. Its cleaning up before each case
takes some seconds, so that all 27 need about six minutes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.processes import Served, free_port

SCRIPT = Path("interoperability") / "client_test5.py"
NEEDED = {
    "KUMIHIMO_OPEN": ("true", "the suite's clients log in as nobody, and use topics of their own choice"),
    "KUMIHIMO_MQTT_KEEP_ALIVE": ("60", "test_server_keep_alive asks for 120 seconds and expects to be given 60"),
    "KUMIHIMO_MQTT_CLOSED_TOPICS": ("test/nosubscribe", "test_subscribe_failure expects this filter to be refused"),
}
"""Settings without which a case cannot pass, and why. All others are the defaults."""
SECONDS = 180


def cases(suite: Path) -> list[str]:
    """The names of the suite's cases, in their order."""
    return re.findall(r"^    def (test_\w+)\(", (suite / SCRIPT).read_text(), re.MULTILINE)


def served(data: Path) -> Served:
    """The platform that is judged."""
    platform = Served(data, mqtt_port=free_port())
    platform.environ |= {name: value for name, (value, _) in NEEDED.items() if name != "KUMIHIMO_OPEN"}
    return platform


def run(suite: Path, port: int, only: list[str]) -> Iterator[tuple[str, str, str]]:
    """Case, PASS or FAIL, and what is to be said of it.

    A case that fails is tried once more, which the page says: the suite's clients wait half a second for an answer, and
    a machine that does other work at the time may take longer.
    """
    for name in only or cases(suite):
        words = try_case(suite, port, name)
        again = try_case(suite, port, name) if words else ""
        if again:
            yield name, "FAIL", again
        else:
            yield name, "PASS", f"at the second try, after {words}" if words else ""


def try_case(suite: Path, port: int, name: str) -> str:
    """What went wrong, "" where the case passed."""
    command = [sys.executable, "-W", "ignore", SCRIPT.name, "--port", str(port), f"Test.{name}"]
    try:
        done = subprocess.run(
            command, cwd=suite / SCRIPT.parent, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no end after {SECONDS} s"
    if done.returncode == 0:
        return ""
    said = [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line]
    return re.sub(r" object at 0x[0-9a-f]+", "", (said or ["a failure without a word"])[-1])


def outcome(status: str, words: str) -> str:
    """The outcome of a case in words."""
    return f"{'passed' if status == 'PASS' else 'failed'}{': ' if words else ''}{words}"


def page(commit: str, engine: str, found: list[tuple[str, str, str]]) -> str:
    """Every case with its outcome, and the settings that were needed."""
    passed = sum(status == "PASS" for _, status, _ in found)
    lines = [
        "# Judge: Paho, MQTT 5",
        "",
        f"Eclipse Paho interoperability suite (`{SCRIPT.name}`), suite commit {commit}, engine {engine};",
        "each case in a process of its own, all against one `kumihimo serve`.",
        "",
        f"**{passed} of {len(found)}** cases passed.",
        "",
        "| case | outcome |",
        "|---|---|",
        *(f"| {name} | {outcome(status, words)} |" for name, status, words in found),
        "",
        "## Settings that the suite needs",
        "",
        "| setting | value | why |",
        "|---|---|---|",
        *(f"| `{name}` | `{value}` | {why} |" for name, (value, why) in NEEDED.items()),
        "",
        "Under `open` clients without a key stay out of everything below `kumihimo/`; without it none is let in.",
    ]
    return "\n".join(lines) + "\n"
