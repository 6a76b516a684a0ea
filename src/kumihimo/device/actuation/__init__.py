"""Room: the arbiter: no command reaches the physical world unjudged.

Owns: command
Says: nothing
Hears: nothing
Door: arbiter, capability, models
"""
