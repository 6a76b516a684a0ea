"""Room: packs: models that work (参照モデル), made installable: read, checked, signed, installed, upgraded, taken away.

Owns: pack_install, pack_item, pack_parameter, pack_event, pack_town, pack_before
Says: screens.{tenant}: a pack was installed, changed or removed
Hears: nothing
Door: models, archive, manifest, signature, library, trial, running, older, door, screens
"""
