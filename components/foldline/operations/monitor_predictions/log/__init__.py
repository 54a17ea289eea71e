"""The request log of model servers, read as a stream."""
