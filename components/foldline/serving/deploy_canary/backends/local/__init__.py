"""Model servers of this machine: in a site with Envoy before them, or alone for a check."""

from foldline.serving.deploy_canary.backends.local.backend import LocalBackend, LocalServer
from foldline.serving.deploy_canary.backends.local.split import LocalSplit

__all__ = ["LocalBackend", "LocalServer", "LocalSplit"]
