"""The lease on being the daemon, and the ticks it carried out."""
