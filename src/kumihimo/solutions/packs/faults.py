"""What in a manifest contradicts itself, or asks for what no pack may have; each fault in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Final

from kumihimo.base.errors import BadRequestData
from kumihimo.platform.access.words import GIVEN_ROLES, NAMED_ROLES, check_role
from kumihimo.solutions.packs.families import codec_faults
from kumihimo.solutions.packs.models import (
    OF_TOWN,
    PERSONAL,
    PERSONS_PAGE,
    SETTING,
    STRANGER,
    AlertEntry,
    Case,
    KpiEntry,
    Model,
    Pack,
    Right,
    Said,
    ScreenEntry,
)
from kumihimo.solutions.packs.parameters import value_fault
from kumihimo.solutions.packs.programs import case_faults, program_faults

OUTSIDERS: Final = frozenset({"resident", "business", STRANGER})
"""Roles of those who are not the town's own people: no personal data for them by a pack."""
_Models = dict[str, Model]


def faults_of(pack: Pack) -> list[Said]:
    """Every fault that the manifest has by itself."""
    models = {one.type: one for one in pack.models}
    return [
        *_of_names(pack),
        *_of_parameters(pack),
        *(fault for one in pack.models for fault in _of_model(one)),
        *(fault for one in (*pack.rights, *pack.forbids) for fault in _of_right(pack, one, models)),
        *(fault for one in pack.rights for fault in _of_legal(one, models)),
        *_of_roles(pack),
        *_of_persons(pack),
        *(fault for one in pack.screens for fault in _of_screen(pack, one, models)),
        *(fault for one in pack.kpis for fault in _of_kpi(pack, one, models)),
        *_of_devices(pack, models),
        *codec_faults(pack, models),
        *(fault for one in pack.alerts for fault in _of_alert(pack, one, models)),
        *_of_rules(pack, models),
        *program_faults(pack, models),
        *_of_cases(pack),
    ]


def _of_names(pack: Pack) -> Iterator[Said]:
    groups: dict[tuple[str, str], list[str]] = {
        ("モデル", "model"): [one.type for one in pack.models],
        ("パラメーター", "parameter"): [one.name for one in pack.parameters],
        ("端末", "device"): [one.id for one in pack.devices],
        ("画面", "screen"): [one.id for one in pack.screens],
        ("指標", "KPI"): [one.id for one in pack.kpis],
        ("警報", "alert"): [one.name for one in pack.alerts],
        ("テスト", "case"): [one.name for one in pack.cases],
        ("規則のファイル", "file of rules"): [one.file for one in pack.rules],
    }
    for (ja, en), names in groups.items():
        for name in sorted({one for one in names if names.count(one) > 1}):
            yield Said(ja=f"{ja} {name!r} が 2 回あります", en=f"the {en} {name!r} is there twice")
    for one in pack.kpis:
        if not one.id.startswith(f"{pack.id}.") and one.source is None:
            yield Said(
                ja=f"指標 {one.id!r} の名前は {pack.id!r} とピリオドで始めます",
                en=f"the KPI {one.id!r} must begin with {pack.id!r} and a dot, so that no two packs' clash",
            )


def _of_parameters(pack: Pack) -> Iterator[Said]:
    for one in pack.parameters:
        if (one.type == "choice") != bool(one.choices):
            yield Said(
                ja=f"パラメーター {one.name}: choices は型 choice に必要で、ほかの型では書けません",
                en=f"parameter {one.name}: choices are for the type choice, which needs them",
            )
        elif one.default is not None and (found := value_fault(one, one.default)):
            yield Said(
                ja=f"パラメーター {one.name} の初期値: {found.ja}",
                en=f"the default of parameter {one.name}: {found.en}",
            )


def _of_model(one: Model) -> Iterator[Said]:
    for name in sorted(set(one.units) - set(one.attributes)):
        yield Said(
            ja=f"モデル {one.type}: 単位のある {name!r} は、このモデルの属性ではありません",
            en=f"model {one.type}: a unit is given for {name!r}, which is no attribute of it",
        )


# --- rights and persons -------------------------------------------------------------------------------------


def _of_right(pack: Pack, one: Right, models: _Models) -> Iterator[Said]:
    where = Said(
        ja=f"役割 {one.role} の権利（{', '.join(one.may)}）", en=f"the right of {one.role} to {', '.join(one.may)}"
    )
    try:
        check_role(one.role)
    except BadRequestData as problem:
        yield Said(
            ja=f"役割 {one.role!r} は使えません。英小文字で始まる、a-z、0-9、「-」の 32 文字までにしてください",
            en=problem.detail,
        )
    found = _of_town_right(one) if set(one.may) & OF_TOWN else _of_entity_right(pack, one, models)
    for fault in found:
        yield Said(ja=f"{where.ja}: {fault.ja}", en=f"{where.en}: {fault.en}")


def _of_roles(pack: Pack) -> Iterator[Said]:
    """A role that the pack brings has a title, and nothing else has."""
    named = {one.role for one in (*pack.rights, *pack.forbids)}
    platforms, titled = {*NAMED_ROLES, STRANGER}, set(pack.roles)
    for name in sorted(named - platforms - titled):
        yield Said(
            ja=f"役割 {name} の呼び名がありません。[roles] に ja、en、ja-easy で書いてください",
            en=f"the role {name} has no title: say in [roles] what it is called, in ja, en and ja-easy",
        )
    for name in sorted(titled & platforms):
        yield Said(
            ja=f"[roles] の {name} は基盤の役割で、呼び名がもうあります",
            en=f"[roles] titles {name}, which is the platform's and has its title",
        )
    for name in sorted(titled - platforms - named):
        yield Said(
            ja=f"[roles] の {name} は、どの権利にも出てきません",
            en=f"[roles] titles {name}, to which the pack gives no right",
        )


def _of_town_right(one: Right) -> Iterator[Said]:
    if set(one.may) - OF_TOWN or one.types or one.attributes or one.unless:
        yield Said(
            ja="command と approve は自治体についての権利です。データの権利とは分けて求めてください",
            en="command and approve concern the town, no entities; ask for them apart",
        )
    if one.role in OUTSIDERS:
        yield Said(
            ja="端末への指令と判断は、自治体の職員だけが行えます",
            en="only the town's own people command and decide",
        )


def _of_entity_right(pack: Pack, one: Right, models: _Models) -> Iterator[Said]:
    if not one.types:
        yield Said(
            ja="どの型への権利かを書いてください。自治体の全データへの権利は、パックには与えられません",
            en="say of which types; a pack gets no right to all of a town's data",
        )
    for name in sorted(set(one.types) - set(models)):
        yield _no_model(name)
    known = {name for kind in one.types if kind in models for name in models[kind].attributes}
    for name in sorted({*one.attributes, *one.unless} - known):
        yield Said(
            ja=f"{name!r} は {', '.join(one.types)} の属性ではありません",
            en=f"{name!r} is no attribute of {', '.join(one.types)}",
        )
    for purpose in sorted(set(one.purposes) - set(pack.clarified.purposes)):
        yield Said(
            ja=f"目的 {purpose!r} は、明確にしたルールの目的にありません",
            en=f"{purpose!r} is none of the purposes of the clarified rule",
        )
    if one.role == STRANGER and set(one.may) - {"read", "subscribe"}:
        yield Said(
            ja="ログインしていない人ができるのは、読むことまでです",
            en="who is not logged in reads at most",
        )


def _of_legal(one: Right, models: _Models) -> Iterator[Said]:
    for name in one.types:
        legal = models[name].legal if name in models else "internal"
        ja, en = f"役割 {one.role} の {name} への権利", f"the right of {one.role} to {name}"
        if one.role in OUTSIDERS and legal in PERSONAL:
            yield Said(
                ja=f"{ja}: {legal}（個人に関するデータ）は、パックでは外部のだれにも開けません",
                en=f"{en}: it is {legal} data, which a pack opens to nobody outside",
            )
        if one.role == STRANGER and legal != "open":
            yield Said(
                ja=f"{ja}: 公開できるのは、法的区分が open のモデルだけです",
                en=f"{en}: only a model of the legal class open may be published",
            )


def _of_persons(pack: Pack) -> Iterator[Said]:
    concerned = ", ".join(one.type for one in pack.models if one.legal in PERSONAL)
    if concerned and pack.persons is None:
        yield Said(
            ja=f"{concerned} は個人に関するデータです。[persons] に本人へのお知らせと同意の文面が必要です",
            en=f"{concerned} concern persons: [persons] must give the notice and the words of consent",
        )
    if pack.persons is None:
        return
    for ja, en, said in (
        ("お知らせ", "notice", pack.persons.notice),
        ("同意の文面", "consent", pack.persons.consent),
    ):
        if said.easy is None:
            yield Said(
                ja=f"本人への{ja}には、やさしい日本語（ja-easy）も必要です",
                en=f"the {en} to persons must be there in ja-easy too",
            )


# --- screens and figures ------------------------------------------------------------------------------------


def _of_screen(pack: Pack, one: ScreenEntry, models: _Models) -> Iterator[Said]:
    ja, en = f"画面 {one.id}", f"screen {one.id}"
    if one.id == PERSONS_PAGE:
        yield Said(
            ja=f"{ja}: この名前は本人へのお知らせと同意のページのものです。別の名前にしてください",
            en=f"{en}: this is the name of the page of notice and consent; take another",
        )
    if one.type not in models:
        yield _no_model(one.type, ja, en)
        return
    marked = [one.marks.attribute] if one.marks else []
    ordered = [one.order] if one.order else []
    for name in (*one.columns, *marked, *ordered):
        if name not in models[one.type].attributes:
            yield _no_attribute(one.type, name, ja, en)
    if one.marks is not None:
        named = [name for name in (one.marks.below, one.marks.above) if name]
        numbers = {each.name for each in pack.parameters if each.type in ("number", "integer")}
        if len(named) != 1 or named[0] not in numbers:
            yield Said(
                ja=f"{ja}: marks には数のパラメーターを 1 つ、below か above に書きます",
                en=f"{en}: marks name one parameter that is a number, as below or as above",
            )


def _of_kpi(pack: Pack, one: KpiEntry, models: _Models) -> Iterator[Said]:
    ja, en = f"指標 {one.id}", f"KPI {one.id}"
    if (one.figure is None) == (one.source is None):
        yield Said(
            ja=f"{ja}: figure か、基盤にある指標なら source の、どちらか 1 つを書きます",
            en=f"{en}: say either figure, or source for one that the platform has",
        )
    made = one.figure
    if made is None:
        if one.source and not pack.parts:
            yield Said(
                ja=f"{ja}: {one.source!r} は基盤の機能の指標ですが、パックに parts がありません",
                en=f"{en}: {one.source!r} is a figure of a part of the platform, and the pack names no part",
            )
        return
    if made.type not in models:
        yield _no_model(made.type, ja, en)
        return
    if (made.kind == "count") != (made.attribute is None) or (made.kind == "share") != (made.of is not None):
        yield Said(
            ja=f"{ja}: attribute は count 以外に必要で、of は share だけに必要です",
            en=f"{en}: count takes no attribute, all others one, and share also of",
        )
    for name in (made.attribute, made.of):
        if name is not None and name not in models[made.type].attributes:
            yield _no_attribute(made.type, name, ja, en)


# --- devices, alerts, rules, cases --------------------------------------------------------------------------


def _of_devices(pack: Pack, models: _Models) -> Iterator[Said]:
    for one in pack.devices:
        ja, en = f"端末 {one.id}", f"device {one.id}"
        model = models.get(one.type)
        if model is None:
            yield _no_model(one.type, ja, en)
        elif one.attribute is not None and one.attribute not in model.attributes:
            yield _no_attribute(one.type, one.attribute, ja, en)


def _of_alert(pack: Pack, one: AlertEntry, models: _Models) -> Iterator[Said]:
    ja, en = f"警報 {one.name}", f"alert {one.name}"
    for name in sorted({*one.moves, *one.permits} - set(models)):
        yield _no_model(name, ja, en)
    asked = any(right.role == one.decides and "approve" in right.may for right in pack.rights)
    if one.decides not in GIVEN_ROLES and not asked:
        yield Said(
            ja=f"{ja}: 役割 {one.decides!r} には判断する権利がなく、パックも求めていません",
            en=f"{en}: {one.decides!r} holds no right to decide, and the pack asks for none",
        )
    if one.decides in OUTSIDERS:
        yield Said(ja=f"{ja}: 判断できるのは自治体の職員だけです", en=f"{en}: only the town's own people decide")


def _of_rules(pack: Pack, models: _Models) -> Iterator[Said]:
    for one in pack.rules:
        for name in (*one.watches, *one.writes):
            kind, _, attribute = name.partition(".")
            if kind not in models or attribute not in models[kind].attributes:
                yield Said(
                    ja=f"{one.file}: {name!r} は「型.属性」の形の、パックのモデルの属性ではありません",
                    en=f"{one.file}: {name!r} is no attribute of the pack's models, as Type.attribute",
                )
        if "command" in one.does and not any("command" in right.may for right in pack.rights):
            yield Said(
                ja=f"{one.file}: 規則が端末に指令しますが、パックはその権利（command）を求めていません",
                en=f"{one.file}: its rules command devices, and the pack asks for no right to that",
            )
        if SETTING.isdisjoint(one.does) == bool(one.writes):
            yield Said(
                ja=f"{one.file}: writes と動作 change か compute は必ず一緒に書きます",
                en=f"{one.file}: writes and the action change or compute go together",
            )
    loop = " → ".join(loop_of(pack))
    if loop:
        yield Said(
            ja=f"規則が循環しています: {loop}。次々に起こし合って終わりません",
            en=f"the rules go in a circle: {loop}; one would set off the next without end",
        )


def loop_of(pack: Pack) -> list[str]:
    """Attributes whose changes set off one another in a circle, by what the rules watch and write; [] for none."""
    after: dict[str, set[str]] = {}
    for one in pack.rules:
        for name in one.watches:
            after.setdefault(name, set()).update(one.writes)
    try:
        TopologicalSorter({name: sorted(after[name]) for name in sorted(after)}).prepare()
    except CycleError as problem:
        return list(problem.args[1])[::-1]
    return []


def _of_cases(pack: Pack) -> Iterator[Said]:
    if not any(one.refuse for one in pack.cases):
        yield Said(
            ja="断られることを確かめるテスト（refuse = true）がありません。明確にしたルールには 1 つ以上必要です",
            en="no case says what is refused; the clarified rule needs at least one that the platform must refuse",
        )
    kpis = {one.id for one in pack.kpis if one.figure}
    devices = {one.id for one in pack.devices} | {one.name for one in pack.codecs}
    for one in pack.cases:
        for fault in (*_of_case(one, kpis, devices), *case_faults(pack, one)):
            yield Said(ja=f"テスト {one.name!r}: {fault.ja}", en=f"case {one.name!r}: {fault.en}")


def _of_case(one: Case, kpis: set[str], devices: set[str]) -> Iterator[Said]:
    if one.does == "figure" and one.entity not in kpis:
        yield Said(ja=f"{one.entity!r} はパックの指標ではありません", en=f"{one.entity!r} is no KPI of the pack's own")
    if one.does == "reading" and one.entity not in devices:
        yield Said(
            ja=f"{one.entity!r} はパックの端末でも端末の種類でもありません",
            en=f"{one.entity!r} is none of the pack's devices or codecs",
        )
    if one.does == "reading" and sum(each is not None for each in (one.value, one.hex, one.text)) != 1:
        yield Said(
            ja="送る内容は value、text、hex のどれか 1 つで書きます",
            en="say the message once, as value, text or hex",
        )
    if one.does == "write" and one.attribute is None:
        yield Said(ja="書く属性を attribute に書いてください", en="say which attribute is written")


# --- said in several places ---------------------------------------------------------------------------------


def _no_model(name: str, ja: str = "", en: str = "") -> Said:
    return Said(
        ja=f"{ja}{ja and ': '}{name!r} はパックのモデルではありません",
        en=f"{en}{en and ': '}{name!r} is none of the pack's models",
    )


def _no_attribute(kind: str, name: str, ja: str, en: str) -> Said:
    return Said(ja=f"{ja}: {kind} に属性 {name!r} はありません", en=f"{en}: {kind} has no attribute {name!r}")
