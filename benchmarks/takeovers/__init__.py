"""What becomes of the ticks of schedules when daemons are killed."""
