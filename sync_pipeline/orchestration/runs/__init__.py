"""What a run means for the session that it carries out, and why it ended."""
