"""MySQL: from the rows of its catalog to accounts and their grants."""
