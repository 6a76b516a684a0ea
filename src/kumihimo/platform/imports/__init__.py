"""Room: takes a tenant's past in bulk, at the engine's pace, and goes on where it stopped.

Owns: import_run, import_newest
Says: log.{tenant}: after the newest of what was imported became current state
Hears: nothing
Door: door, load, models, observations
"""
