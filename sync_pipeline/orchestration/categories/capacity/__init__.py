"""The category of size collections."""
