"""Room: reckons functions of programs from outside, each in a process that can do nothing but reckon.

Owns: nothing
Says: nothing
Hears: nothing
Door: door, models, source
"""
