"""What a cluster lacks for each pipeline."""
