"""What is overdue, not reached, or in maintenance."""
