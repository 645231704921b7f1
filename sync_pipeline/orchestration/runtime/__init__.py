"""How the steps of a run are executed, and where their events and values go."""
