"""Puts a challenger beside the champion and promotes it only when it has passed."""
