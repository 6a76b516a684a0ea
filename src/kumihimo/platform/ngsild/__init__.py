"""Room: the NGSI-LD protocol face (ETSI GS CIM 009 V1.9.1 clause 6): requests in, problems and representations out.

Owns: nothing
Says: nothing
Hears: nothing
Door: api, openapi
"""
