"""Classes of accounts that users define. Pure."""
