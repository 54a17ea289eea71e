"""Searches hyperparameters on a cluster, a pod for each trial, by Katib."""
