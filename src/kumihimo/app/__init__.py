"""Room: the wiring room: every room is made here, every port is bound here, and START is the order of starting.

It imports all, and is imported by none but the command line.

Owns: nothing
Says: nothing
Hears: nothing
Door: platform, wire, http, flood, start
"""
