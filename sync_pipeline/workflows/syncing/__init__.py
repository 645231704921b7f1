"""Work on one instance, from lease to committed record."""
