"""Room: decides who may do what, and which rows and attributes they may see.

Owns: nothing
Says: nothing
Hears: nothing
Door: decide, models
"""
