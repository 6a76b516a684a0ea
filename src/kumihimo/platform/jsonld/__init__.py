"""Room: terms, expansion and representations of NGSI-LD: pure, at the bottom of the platform.

Owns: nothing
Says: nothing
Hears: nothing
Door: contexts, expand, geojson, linked, models, render
"""
