"""One InferenceService in Knative mode: both arms are revisions of it, and `canaryTrafficPercent` splits."""
