"""Room: HTTP in and out; a carrier that knows listeners, limits and addresses, no entity.

Owns: nothing
Says: nothing
Hears: nothing
Door: fetch, limits, server
"""
