"""Room: the ground: connections, transactions, group commits and migrations on SQLite and PostgreSQL.

Owns: tenant, migration
Says: nothing
Hears: nothing
Door: database, health, identity, opening
"""
