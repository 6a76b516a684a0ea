"""Room: which devices a tenant has, their keys, and how they fared.

Owns: device, device_refusal, device_family
Says: nothing
Hears: nothing
Door: registry, models
"""
