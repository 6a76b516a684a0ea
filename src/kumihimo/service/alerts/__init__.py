"""Room: alerts that a person decides on: raised with their readings, decided once with a reason, followed to the end.

Owns: alert, alert_event, alert_decision
Says: screens.{tenant}: an alert or its decision changed
Hears: nothing
Door: models, door, sights, whole, screens
"""
