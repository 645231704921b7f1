"""Tests of sync_pipeline, against real servers."""
