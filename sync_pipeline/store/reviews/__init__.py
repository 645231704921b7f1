"""What is kept of the review of each instance."""
