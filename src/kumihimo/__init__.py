"""Kumihimo: an open-source city data OS for Japanese towns and regions (都市OS)."""

__version__ = "0.1.0"
