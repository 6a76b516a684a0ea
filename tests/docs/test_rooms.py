"""Every room's card is true: its tables, the events it says and hears, the modules that are its door."""

import ast
from pathlib import Path

import pytest
from tests.docs.test_house import FILES, SOURCE, owned_tables
from tools.docs import FIELDS, card, cards, topics

CARDS = cards()
FLOORS = ("device", "network", "platform", "service", "solutions")
WHOLE = ("app", "base", "cli", "storage")
"""Rooms that are a floor of their own."""
TREES = {".".join(path.relative_to(SOURCE).with_suffix("").parts): ast.parse(path.read_text()) for path in FILES}
ROOMS = sorted({*WHOLE, *(f"{path.parts[-3]}.{path.parts[-2]}" for f in FLOORS for path in SOURCE.glob(f"{f}/*/*.py"))})


def room_of(module: str) -> str:
    """ "platform.broker" for its modules; "" for what stands in no room: a floor itself."""
    return next((room for room in ROOMS if module.startswith(f"{room}.")), "")


def listed(field: str) -> set[str]:
    return set() if field == "nothing" else {one.strip() for one in field.split(",")}


def test_every_room_has_a_card_and_nothing_else_has() -> None:
    assert sorted(CARDS) == ROOMS


@pytest.mark.parametrize("missing", FIELDS[1:])
def test_a_card_without_a_line_is_refused(tmp_path: Path, missing: str) -> None:
    (tmp_path / "__init__.py").write_text(
        '"""Room: x.\n\n' + "\n".join(f"{f}: y" for f in FIELDS if f != missing) + '"""'
    )
    with pytest.raises(SystemExit, match=missing):
        card(tmp_path / "__init__.py")


@pytest.mark.parametrize("room", ROOMS)
def test_a_card_owns_the_tables_that_the_room_makes(room: str) -> None:
    folder = room.replace(".", "/") + "/"
    made = {table for table, owner in owned_tables().items() if f"{owner}/".startswith(folder)}
    assert listed(CARDS[room]["Owns"]) == made


@pytest.mark.parametrize("room", ROOMS)
def test_the_modules_of_a_door_are_there(room: str) -> None:
    doors = listed(CARDS[room]["Door"])
    assert doors
    assert {door for door in doors if f"{room}.{door}" not in TREES} == set()


def test_other_floors_come_in_by_the_door() -> None:
    wrong = []
    for module, tree in TREES.items():
        for target in imported(tree):
            room, floor = room_of(target), module.split(".", maxsplit=1)[0]
            if not room or floor in ("app", "cli", room.split(".", maxsplit=1)[0]):
                continue
            if target.removeprefix(f"{room}.") not in listed(CARDS[room]["Door"]):
                wrong.append(f"{module} imports {target}, which is not in the door of {room}")
    assert wrong == []


def imported(tree: ast.Module) -> set[str]:
    """Modules of ours that a module imports, in whichever way."""
    found = set()
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {name.removeprefix("kumihimo.") for name in names}
    return found & TREES.keys()


# --- events ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize(("field", "method"), [("Says", "publish"), ("Hears", "listen")])
def test_a_card_names_the_topics_that_the_room_uses(room: str, field: str, method: str) -> None:
    used = {
        topic
        for module, tree in TREES.items()
        if room_of(module) == room
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and is_bus(call.func, method)
        for topic in (text_of(one, module) for one in call.args)
    }
    assert set(topics(CARDS[room][field])) == used


def is_bus(called: ast.expr, method: str) -> bool:
    """Whether it is bus.publish, self._bus.publish, doors.bus.publish …"""
    if not isinstance(called, ast.Attribute) or called.attr != method:
        return False
    return ast.unparse(called.value).rpartition(".")[2].lstrip("_") == "bus"


def text_of(node: ast.expr, module: str) -> str:
    """The topic that an expression makes, with {tenant} where the code puts a tenant or means all of them."""
    if isinstance(node, ast.Constant):
        return str(node.value).replace("*", "{tenant}")
    if isinstance(node, ast.BinOp):
        return text_of(node.left, module) + text_of(node.right, module)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(one, module) for one in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return text_of(*defined(node.func.id, module))
    if isinstance(node, ast.Name) and node.id.isupper():
        return text_of(*defined(node.id, module))
    return "{tenant}"


def defined(name: str, module: str) -> tuple[ast.expr, str]:
    """What a constant holds, or a function gives back, here or where it was imported from; and where that is."""
    for node in TREES[module].body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return defined(name, str(node.module).removeprefix("kumihimo."))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value, module
        if isinstance(node, ast.FunctionDef) and node.name == name and isinstance(node.body[-1], ast.Return):
            given = node.body[-1].value
            assert given is not None
            return given, module
    raise AssertionError(f"{module} uses the topic {name}, which is not found")


def test_every_event_is_said_and_heard_by_somebody() -> None:
    said, heard = ({topic for one in CARDS.values() for topic in topics(one[field])} for field in ("Says", "Hears"))
    assert said == heard
