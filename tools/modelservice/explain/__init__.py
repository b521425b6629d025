"""Which values made this line, and what would change if one changed."""
