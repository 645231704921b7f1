"""What accounts can really do, and what a review finds in it. Pure."""
