"""Oracle: what an account may do, decided from what was collected."""
