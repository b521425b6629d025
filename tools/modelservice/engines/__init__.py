"""Command lines of engines and what starts them."""
