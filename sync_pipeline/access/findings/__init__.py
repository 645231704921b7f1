"""What an access review looks for: rules with their reasons, and accepted findings. Pure."""
