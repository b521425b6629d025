"""The systems that can be imported."""
