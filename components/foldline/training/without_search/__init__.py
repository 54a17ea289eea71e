"""Stands where a search would when none was asked for."""
