"""What `doctor` looks at; nothing is changed by it."""
