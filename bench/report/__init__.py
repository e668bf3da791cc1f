"""The report: `report.json` for programs, `report.html` for people, and the comparison of two."""
