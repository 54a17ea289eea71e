"""What both arms said to the same requests."""
