"""What a person wants to see before they spend accelerators: who runs where, and who calls whom."""
