"""Room: simulated devices: recorded readings played over the real carriers, a sign and a siren that answer.

Owns: nothing
Says: nothing
Hears: nothing
Door: schedule, player, sign
"""
