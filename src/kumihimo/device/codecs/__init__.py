"""Room: what a device's bytes mean: one table per family, pure.

Owns: nothing
Says: nothing
Hears: nothing
Door: families, table, declared
"""
