"""What was taken over from another system: how far, and what has no other table of ours."""
