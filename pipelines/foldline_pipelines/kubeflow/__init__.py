"""Runs and recurring runs on a Kubeflow."""
