"""What MySQL and MariaDB share: the wire protocol, its errors, and how accounts are named."""
