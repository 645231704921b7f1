"""Ansible inventories, read as files: nothing is run, looked up, computed or decrypted."""
