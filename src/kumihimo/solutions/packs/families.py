"""Device families that a pack declares: held against the pack, and as the town's registry keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from kumihimo.device.codecs.declared import faults_of, renamed_attributes, table_text
from kumihimo.platform.jsonld.contexts import Context
from kumihimo.solutions.packs.models import CodecEntry, Model, Pack, Said

_OWN: Final = "."
"""Between the pack's id and the rest of a family's name, so that no two packs' clash."""


def codec_faults(pack: Pack, models: Mapping[str, Model]) -> Iterator[Said]:
    """What cannot be told of a pack's families, each with its place."""
    names = [one.name for one in pack.codecs]
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield Said(ja=f"端末の種類 {name!r} が 2 回あります", en=f"the codec {name!r} is there twice")
    for one in pack.codecs:
        if not one.name.startswith(pack.id + _OWN):
            yield Said(
                ja=f"端末の種類 {one.name!r} の名前は {pack.id!r} とピリオドで始めます",
                en=f"the codec {one.name!r} must begin with {pack.id!r} and a dot, so that no two packs' clash",
            )
        for fault in faults_of(one.table()):
            yield Said(ja=f"端末の種類 {one.name}: {fault.ja}", en=f"codec {one.name}: {fault.en}")
        yield from _of_model(one, models)
    yield from _of_devices(pack)


def _of_model(one: CodecEntry, models: Mapping[str, Model]) -> Iterator[Said]:
    model = models.get(one.type)
    if model is None:
        yield Said(
            ja=f"端末の種類 {one.name}: {one.type!r} はパックのモデルではありません",
            en=f"codec {one.name}: {one.type!r} is none of the pack's models",
        )
        return
    for each in one.fields:
        if each.attribute and each.attribute not in model.attributes:
            yield Said(
                ja=f"端末の種類 {one.name}: {one.type} に属性 {each.attribute!r} はありません",
                en=f"codec {one.name}: {one.type} has no attribute {each.attribute!r}",
            )
        unit = model.units.get(each.attribute, each.unit)
        if each.unit != unit:
            yield Said(
                ja=f"端末の種類 {one.name}: {each.attribute} の単位がモデルの {unit} と違います",
                en=f"codec {one.name}: the unit of {each.attribute} is {unit} in the model, not {each.unit or 'none'}",
            )


def _of_devices(pack: Pack) -> Iterator[Said]:
    codecs = {one.name: one for one in pack.codecs}
    for device in pack.devices:
        codec = codecs.get(device.family)
        if codec is None:
            continue
        if device.type != codec.type:
            yield Said(
                ja=f"端末 {device.id}: 種類 {codec.name} が測るのは {codec.type} です",
                en=f"device {device.id}: the family {codec.name} measures {codec.type}, not {device.type}",
            )
        if (device.attribute, device.least, device.most) != (None, None, None):
            yield Said(
                ja=f"端末 {device.id}: attribute, least, most は種類 {codec.name} の表に書きます",
                en=f"device {device.id}: attribute, least and most stand in the codec {codec.name}",
            )


def family_text(one: CodecEntry, context: Context) -> str:
    """The table with the long names of its attributes, as the registry keeps it."""
    names = {each.attribute: context.expand(each.attribute) for each in one.fields if each.attribute}
    return table_text(renamed_attributes(one.table(), names))
