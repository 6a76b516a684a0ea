"""Room: keeps what every entity is now and the log of how it became so; pushes restrictions into its queries.

Owns: entity, entity_type, entity_attribute, entity_geo, entity_expiry, log, log_position
Says: log.{tenant}: after each commit that wrote log records
Hears: nothing
Door: census, door, evaluate, follow, ingest, log, masks, models, parse
"""
