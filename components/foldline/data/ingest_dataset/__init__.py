"""Ingestion: a table at an address becomes a dataset."""
