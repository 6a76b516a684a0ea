"""How pages of rights call people: by their name, and by the sign-in name that no two have."""

from __future__ import annotations

import pytest

from kumihimo.app.access import named
from kumihimo.app.personas import PERSONAS


@pytest.mark.parametrize(
    ("name", "sign_in", "shown"),
    [
        ("佐藤 花子", "sato", "佐藤 花子 (sato)"),
        ("監査人 (demo-auditor)", "demo-auditor", "監査人 (demo-auditor)"),
        ("sato", "sato", "sato"),
        ("佐藤 (operator)", "sato", "佐藤 (operator) (sato)"),
    ],
)
def test_a_sign_in_name_is_shown_once_and_never_left_out(name: str, sign_in: str, shown: str) -> None:
    assert named(name, sign_in) == shown


def test_no_person_of_the_demonstration_is_called_by_the_sign_in_name_twice() -> None:
    for one in PERSONAS:
        assert named(one.name, one.sign_in).count(one.sign_in) == 1
