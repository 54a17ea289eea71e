"""A one-node Kubernetes for tests, in a network namespace of its own."""
