"""News of the fleet: whom to tell of events, and telling them."""
