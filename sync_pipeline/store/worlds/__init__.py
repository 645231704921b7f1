"""The packed form in which the store keeps all accounts of an instance. No SQL lives here."""
