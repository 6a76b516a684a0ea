"""Room: signs what leaves a tenant, so that who receives it can tell that it is whole and whose it is.

Owns: signing_key
Says: nothing
Hears: nothing
Door: door, message, api
"""
