"""The report of a run: what an evaluation showed, as one HTML file."""
