"""Serving: the model server, and the way a challenger gets to be the champion."""
