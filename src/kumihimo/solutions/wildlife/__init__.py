"""Room: the wildlife wing (獣害): incidents and detections, what is likely next night, where traps are to be visited.

Owns: nothing
Says: nothing
Hears: nothing
Door: models, moments, incidents, cameras, entities, merge, risk, compare, doors, devices, watch, reports, kpis
"""
