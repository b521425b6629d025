"""What a model needs: accelerators, how many of them, and the parallelism."""
