"""Where runs are started: on Kubeflow, or on this machine."""
