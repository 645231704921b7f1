"""Where companies keep secrets: a module a place, each over its maker's own client."""
