"""Room: what MQTT clients may count on after a kill: their sessions, what is under way, retained messages.

Owns: mqtt_session, mqtt_subscription, mqtt_message, mqtt_received, mqtt_retained
Says: nothing
Hears: nothing
Door: door
"""
