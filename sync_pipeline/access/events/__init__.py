"""Events of what accounts may do: from what a review finds otherwise, and from classes."""
