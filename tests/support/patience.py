"""How long tests wait for what must happen. Only a fault waits so long, so it is generous to a busy machine."""

PATIENCE = 300
"""Seconds."""
