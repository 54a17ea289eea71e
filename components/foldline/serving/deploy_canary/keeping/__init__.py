"""Where a rollout is remembered, so that one whose task was killed goes on."""
