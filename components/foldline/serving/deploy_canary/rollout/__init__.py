"""One rollout: what it has come to, what it does next, and the loop that does it."""
