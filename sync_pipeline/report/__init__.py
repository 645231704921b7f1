"""Reports and exports, made from records."""
