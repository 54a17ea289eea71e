"""Replays past months: when a champion would have been trained again, and what its error would have been."""
