"""Room: figures that say whether a measure worked, each with its lineage down to the readings.

Owns: nothing
Says: nothing
Hears: nothing
Door: models, door, screens
"""
