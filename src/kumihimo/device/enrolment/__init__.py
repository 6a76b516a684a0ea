"""Room: how devices come by their credentials: claim codes, and certificates of an authority of our own.

Owns: device_authority, device_certificate, device_claim, device_secret
Says: nothing
Hears: nothing
Door: door, models, api
"""
