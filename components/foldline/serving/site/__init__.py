"""Model servers of this machine behind one Envoy: what runs, what it is asked to do, and what it counted."""
