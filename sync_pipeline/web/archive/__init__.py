"""The console's pages as files, for somebody who can't reach it."""
