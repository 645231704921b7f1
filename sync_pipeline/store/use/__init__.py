"""Who uses the accounts of instances, as syncs saw it."""
