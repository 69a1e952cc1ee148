"""Journals as Python reads them: the timeline of a run and its spans."""
