"""Validation: statistics, schema and findings of a dataset."""
