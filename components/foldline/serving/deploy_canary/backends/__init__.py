"""Where a challenger is served while it is judged."""
