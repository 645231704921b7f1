"""Imported first by a process that imports for others: imports make no garbage."""

import gc

gc.disable()
