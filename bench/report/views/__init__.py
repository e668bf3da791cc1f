"""What the sections of the page show, taken from the content of report.json: chosen, grouped, put in order."""
