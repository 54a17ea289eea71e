"""The Kubeflow Pipelines room: the only place beside signatures that knows its client library."""
