"""Room: the wildlife wing (獣害): incidents and detections, what is likely next night, where traps are to be visited.

Owns: wildlife_photo
Says: screens.{tenant}: the played season moved on
Hears: log.{tenant}
Door: models, incidents, cameras, entities, merge, risk, compare, watching, reports, kpis, screens, demo
"""
