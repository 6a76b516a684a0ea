"""Room: live feeds of entities for screens and programs that stay connected (server-sent events and WebSocket).

Owns: nothing
Says: nothing
Hears: log.{tenant}
Door: door, api
"""
