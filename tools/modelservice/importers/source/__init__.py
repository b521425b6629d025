"""Read the source of an import."""
