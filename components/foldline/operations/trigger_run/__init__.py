"""Starts one run where there is a reason to train again and nothing that speaks against it."""
