"""Room: counts what each tenant uses, by service and day, and splits a platform's cost among those who share it.

Owns: usage_day, usage_month, usage_writer, cost_plan
Says: nothing
Hears: nothing
Door: door, models, screens, split, tables
"""
