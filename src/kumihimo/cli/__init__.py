"""Room: the command line: demo, serve, doctor, device, tenant, import; and the socket by which it reaches a platform.

Owns: nothing
Says: nothing
Hears: nothing
Door: main
"""
