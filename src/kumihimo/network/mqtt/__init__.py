"""Room: MQTT 3.1.1 and 5.0 listener and client; a carrier that knows topics and bytes, no device and no entity.

Owns: nothing
Says: nothing
Hears: nothing
Door: listener, client, publisher, limits
"""
