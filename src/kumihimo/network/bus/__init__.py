"""Room: nudges between the parts of the platform; a lost one costs time, never data.

Owns: nothing
Says: nothing
Hears: nothing
Door: memory
"""
