"""What a model needs: its shape, and the memory of the ranks that serve it."""
