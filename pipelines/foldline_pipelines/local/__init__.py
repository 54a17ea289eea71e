"""Runs compiled pipelines on this machine, one environment an image."""
