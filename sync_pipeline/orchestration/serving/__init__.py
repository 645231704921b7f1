"""What `sync-pipeline up` is made of: three processes, the lease, and signs of life."""
