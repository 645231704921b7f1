"""What the console asks of the store: pages by key, within what its viewer may see."""
