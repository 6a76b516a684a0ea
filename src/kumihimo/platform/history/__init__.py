"""Room: keeps every instance that an attribute ever had, with corrections and deletions beside it.

Owns: history, history_entity
Says: nothing
Hears: nothing
Door: bulk, change, models, periods, query, spread, store
"""
