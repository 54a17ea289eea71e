"""Champion and challenger on this machine, in a site."""

from foldline.serving.deploy_canary.backends.local.split import LocalSplit

__all__ = ["LocalSplit"]
