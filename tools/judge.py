"""`make judge NAME=etsi SUITE=/path/to/suite`: runs an outside suite against a fresh platform, writes its result table.

NAME is etsi (NGSI-LD), paho (MQTT 5, see judge_paho.py) or cedar (access policies, see judge_cedar.py).

The suite stays where it is and is never part of the project; its own requirements go into an environment inside its
folder. The table, with the suite's commit, is written to docs/reference/judge-<name>-<engine>.md.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


from tests.mosquitto_server import Mosquitto, MosquittoMissing, program
from tests.postgres_server import PostgresServer
from tests.processes import KUMIHIMO, Served, free_port
from tools import judge_cedar, judge_paho
from tools.bearer import with_bearer

from kumihimo.base.ids import DEFAULT_TENANT

SUITE_CONTEXTS = (
    "https://raw.githubusercontent.com/marek-mraz/ngsi-ld-test-suite/main/resources/jsonld-contexts/",
    "https://forge.etsi.org/rep/cim/ngsi-ld-test-suite/-/raw/develop/resources/jsonld-contexts/",
)
"""Where the extended suite, and its upstream, say that their contexts are."""
OLD_CONTEXTS = "https://easy-global-market.github.io/ngsild-api-data-models/ngsildTestSuite/ngsildTestSuiteV1.8"
"""Where the suite's contexts were before; some of its payloads still say so."""
ABSENT = (
    "https://fiware.github.io/data-models/context.jsonld",
    "https://fiware.github.io/NGSI-LD_TestSuite/ldContext/testContext.jsonld",
    "http://smartdatamodels.org/context.jsonld",
)
"""Contexts that the suite names and does not hold. Only whether they are kept is asked, so an empty one stands in."""
SCOPES = ("ngsi-ld:read", "ngsi-ld:write", "ngsi-ld:subscribe", "tenants:write")
START_SECONDS = 300.0
ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
AREAS = (
    "CommonBehaviours",
    "ContextInformation/Consumption/Discovery",
    "ContextInformation/Consumption/Entity",
    "ContextInformation/Consumption/TemporalEntity",
    "ContextInformation/EntityMap",
    "ContextInformation/Provision",
    "ContextInformation/Snapshot",
    "ContextInformation/Subscription",
    "jsonldContext",
)
"""Folders of the suite that a single broker can answer; sources and distribution come with federation.

Each meets an empty platform: not every case takes away what it wrote, and queries for all there is find it.
"""
MQTT_PORTS = (1883, 8085)
"""Where the suite's MQTT cases expect a broker; they would start it in a container."""


def environment(suite: Path) -> Path:
    """The folder of programs of the suite's own environment, made where it is not there yet."""
    folder = suite / ".judge-venv"
    if not (folder / "bin" / "robot").exists():
        venv.create(folder, with_pip=True)
        wanted = [line for line in (suite / "requirements.txt").read_text().splitlines() if "robocop" not in line]
        listed = folder / "requirements.txt"
        listed.write_text("\n".join(wanted) + "\n")
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "setuptools<81", "-r", str(listed)]
        subprocess.run(pip, check=True, cwd=suite)
    return folder / "bin"


def preload(suite: Path, folder: Path) -> None:
    """The suite's contexts as preloaded files, so that nothing is fetched from outside."""
    lines = []
    for file in (suite / "resources" / "jsonld-contexts").glob("*.jsonld"):
        (folder / file.name).write_bytes(file.read_bytes())
        lines += [f'"{base}{file.name}" = "{file.name}"' for base in SUITE_CONTEXTS]
        lines.append(f'"{OLD_CONTEXTS}{file.name.removeprefix("ngsi-ld-test-suite")}" = "{file.name}"')
    (folder / "absent.jsonld").write_text('{"@context": {}}')
    lines += [f'"{url}" = "absent.jsonld"' for url in ABSENT]
    (folder / "index.toml").write_text("\n".join(lines) + "\n")


@contextmanager
def postgres(engine: str) -> Iterator[PostgresServer | None]:
    """A PostgreSQL server for as long as the suite runs, where that is the engine."""
    if engine != "postgresql":
        yield None
        return
    server = PostgresServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def platform(data: Path, contexts: Path, server: PostgresServer | None, *, closed: bool = False) -> Served:
    """An empty platform that is about to start."""
    served = Served(data, words=("serve",) if closed else ("serve", "--open"))
    served.environ["KUMIHIMO_DATABASE_URL"] = "" if server is None else server.url(server.create_database())
    served.environ |= {"KUMIHIMO_CONTEXT_PRELOAD": str(contexts), "KUMIHIMO_CONTEXT_HOSTS": "127.0.0.1,localhost"}
    # The suite's cases of temporal paging have 20 instances, and take a limit below that for granted.
    served.environ["KUMIHIMO_TEMPORAL_INSTANCES"] = "10"
    # One case (4233_01_01) takes it for granted that texts stand by code points where no collation is named.
    served.environ["KUMIHIMO_ORDER_COLLATION"] = "und-u-co-direct"
    return served


@contextmanager
def served_within(served: Served, seconds: float) -> Iterator[None]:
    """The platform from when it is ready, however busy the machine is, until it is left."""
    served.start(seconds)
    with ExitStack() as stack:
        stack.push(served.__exit__)
        yield


def key_of_operator(data: Path) -> str:
    """An API key of an application of the platform itself that may do everything, in every tenant."""

    def said(*words: str) -> str:
        done = subprocess.run([*KUMIHIMO, *words, "--data", str(data)], check=True, capture_output=True, text=True)
        return done.stdout

    said("tenant", "add", DEFAULT_TENANT)
    scopes = [part for one in SCOPES for part in ("--scope", one)]
    made = said("application", "add", "judge", "--kind", "key", *scopes)
    (application,) = re.findall(r"a-[\w-]+", made)[:1]
    (key,) = re.findall(r"kmh_[\w-]+", made)[:1]
    said("member", "add", f"application:{application}", "--role", "operator")
    return str(key)


def run_robot(programs: Path, suite: Path, port: int, output: Path, area: str) -> None:
    """Runs an area; the suite's own exit code counts failures and is not ours."""
    url = f"http://localhost:{port}/ngsi-ld/v1"
    variables = {
        "url": url,
        "temporal_api_url": url,
        "notification_server_host": "127.0.0.1",
        "notification_server_port": str(free_port()),
        "context_source_host": "127.0.0.1",
        "context_source_port": str(free_port()),
        "context_server_host": "127.0.0.1",
        "context_server_port": str(free_port()),
        "mqtt_broker_host": "localhost",
        "core_context": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld",
    }
    settings = [part for name, value in variables.items() for part in ("--variable", f"{name}:{value}")]
    where = str(suite / "TP" / "NGSI-LD" / area)
    command = [str(programs / "robot"), "--outputdir", str(output), "--console", "dotted", *settings, where]
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    subprocess.run(command, check=False, cwd=suite, env={**os.environ, "PATH": path})


def mqtt_broker(folder: Path) -> AbstractContextManager[object]:
    """The broker of the MQTT cases, which lets everybody in; where it is not installed, these cases fail."""
    try:
        program("mosquitto", "mosquitto")
    except MosquittoMissing as reason:
        print(f"without the MQTT cases: {reason}")
        return nullcontext()
    return Mosquitto(folder, port=MQTT_PORTS[0], more=f"listener {MQTT_PORTS[1]} 127.0.0.1")


def results(output: Path) -> list[tuple[str, str, str]]:
    """Area, test and status of every case in Robot's output."""
    found = []
    for case in ET.parse(output / "output.xml").getroot().iter("suite"):
        source = Path(case.get("source", ""))
        area = "/".join(source.parts[source.parts.index("NGSI-LD") + 1 : -1]) if "NGSI-LD" in source.parts else ""
        for test in case.findall("test"):
            status = test.find("status")
            found.append((area, test.get("name", ""), "" if status is None else status.get("status", "")))
    return found


def commit_of(suite: Path) -> str:
    """The suite's commit, shortened."""
    head = ["git", "-C", str(suite), "rev-parse", "--short", "HEAD"]
    return subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def page(name: str, suite: Path, engine: str, found: list[tuple[str, str, str]]) -> str:
    """The result table by area, with the suite's commit, and the names of what fails."""
    commit = commit_of(suite)
    areas: dict[str, Counter[str]] = {}
    for area, _, status in found:
        areas.setdefault(area, Counter())[status] += 1
    lines = [
        f"# Judge: {name}",
        "",
        f"Suite commit {commit}, engine {engine}.",
        "",
        "| area | passed | of |",
        "|---|---|---|",
    ]
    lines += [f"| {area} | {count['PASS']} | {count.total()} |" for area, count in sorted(areas.items())]
    total = Counter(status for _, _, status in found)
    lines += [f"| **all** | **{total['PASS']}** | **{total.total()}** |", "", "## Not passed", ""]
    lines += [f"- {area}: {test}" for area, test, status in sorted(found) if status != "PASS"]
    return "\n".join(lines) + "\n"


@contextmanager
def shown(served: Served, *, token: bool) -> Iterator[int]:
    """Where the suite asks: the platform itself, or before a closed one a proxy that shows a key for it."""
    if not token:
        yield served.port
        return
    with with_bearer(served.port, key_of_operator(served.data)) as port:
        yield port


def judge_etsi(given: argparse.Namespace, target: Path) -> tuple[int, int]:
    """How many cases passed, and of how many; every area has an empty platform."""
    programs = environment(given.suite.resolve())
    with tempfile.TemporaryDirectory() as scratch:
        contexts = Path(scratch) / "contexts"
        contexts.mkdir()
        preload(given.suite, contexts)
        found = []
        with mqtt_broker(Path(scratch)), postgres(given.engine) as server:
            for area in given.area or [one for one in AREAS if (given.suite / "TP" / "NGSI-LD" / one).is_dir()]:
                output = (given.output or Path(scratch) / "output") / area.replace("/", "-")
                served = platform(Path(scratch) / area.replace("/", "-"), contexts, server, closed=given.token)
                with served_within(served, START_SECONDS), shown(served, token=given.token) as port:
                    run_robot(programs, given.suite.resolve(), port, output.resolve(), area)
                    served.stop()
                found += results(output)
    if given.area:
        print("\n".join(f"- {area}: {test}" for area, test, status in found if status != "PASS"))
    else:
        target.write_text(page(given.name, given.suite, ENGINES[given.engine], found))
    return sum(status == "PASS" for *_, status in found), len(found)


def judge_paho_suite(given: argparse.Namespace, target: Path) -> tuple[int, int]:
    """How many cases passed, and of how many; each is told as it ends."""
    found = []
    with tempfile.TemporaryDirectory() as scratch, postgres(given.engine) as server:
        served = judge_paho.served(Path(scratch) / "data")
        served.environ["KUMIHIMO_DATABASE_URL"] = "" if server is None else server.url(server.create_database())
        with served_within(served, START_SECONDS):
            for name, status, words in judge_paho.run(given.suite.resolve(), served.mqtt_port, given.area or []):
                print(status, name, words, flush=True)
                found.append((name, status, words))
            served.stop()
    if not given.area:
        target.write_text(judge_paho.page(commit_of(given.suite), ENGINES[given.engine], found))
    return sum(status == "PASS" for _, status, _ in found), len(found)


def judge_cedar_suite(given: argparse.Namespace, target: Path) -> tuple[int, int]:
    """How many cases passed, and of how many; no platform is needed."""
    found = [judge_cedar.judged(case) for case in judge_cedar.cases(given.suite.resolve())]
    target.write_text(judge_cedar.page(given.commit or commit_of(given.suite), found))
    return sum(one.passed for one in found), len(found)


SUITES = {
    "etsi": (judge_etsi, Path("TP")),
    "etsi-upstream": (judge_etsi, Path("TP")),
    "paho": (judge_paho_suite, judge_paho.SCRIPT),
    "cedar": (judge_cedar_suite, judge_cedar.CORPUS),
}
"""How each suite is run, and what its folder holds."""


def main() -> int:
    """0 where every case passed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--name", choices=list(SUITES), required=True)
    options.add_argument("--suite", type=Path, required=True)
    options.add_argument("--engine", choices=sorted(ENGINES), default="sqlite")
    options.add_argument(
        "--area", action="append", help="only these, and no page: folders below TP/NGSI-LD (etsi), cases (paho)"
    )
    options.add_argument("--commit", default="", help="the suite's commit, where its folder does not say it (cedar)")
    options.add_argument(
        "--token", action="store_true", help="ask a closed platform, as an application that may do everything (etsi)"
    )
    options.add_argument("--output", type=Path, help="keep the suite's own report here (etsi)")
    given = options.parse_args()
    judge, holds = SUITES[given.name]
    if not (given.suite / holds).exists():
        options.error(f"{given.suite} holds no {holds}; give the suite's own folder")
    engine = "" if given.name == "cedar" else f"-{given.engine}"
    shown_name = f"{given.name}-token" if given.token else given.name
    target = ROOT / "docs" / "reference" / f"judge-{shown_name}{engine}.md"
    passed, total = judge(given, target)
    print(f"{passed} of {total} passed" + ("" if given.area else f"; see {target.relative_to(ROOT)}"))
    return 0 if passed == total else 1


if __name__ == "__main__":
    raise SystemExit(main())
