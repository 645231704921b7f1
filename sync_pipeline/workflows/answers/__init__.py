"""What people ask of the store."""
