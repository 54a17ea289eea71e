"""A model server for one version of one model: protocols V1 and V2 over HTTP."""
