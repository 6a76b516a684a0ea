"""Room: the flood wing: river levels against their thresholds, alerts, decisions, signs, lead times.

Owns: nothing
Says: screens.{tenant}: the replay changed
Hears: log.{tenant}
Door: models, read, thresholds, entities, watch, share, leadtime, screens, cards, demo
"""
