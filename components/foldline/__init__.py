"""Reusable Kubeflow Pipelines components for tabular machine learning."""
