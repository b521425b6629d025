"""Generate documentation: of values, rules and imports."""
