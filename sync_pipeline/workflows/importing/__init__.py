"""Moving in: what another system kept becomes ours, or stands beside it as its history."""
