"""Imported last by a process that imports for others."""

from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported

keep_what_was_imported()
