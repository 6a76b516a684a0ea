"""Room: keeps each tenant's @contexts: those it hosts, copies of those it fetched, those created for it.

Owns: context
Says: nothing
Hears: nothing
Door: door
"""
