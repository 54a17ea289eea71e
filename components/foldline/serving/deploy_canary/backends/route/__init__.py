"""Two InferenceServices behind an HTTPRoute of the Gateway API."""
