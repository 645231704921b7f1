"""Account, permission and size collection over fleets of database servers."""
