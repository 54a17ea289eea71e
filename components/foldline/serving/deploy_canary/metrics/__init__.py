"""Counters of both arms, read from Prometheus."""
