"""The report: `report.json` for programs (`document`), `report.html` for people (`page`).

A new figure is a field of a room's record, made where the room measures it (`bench.measure.figure.Origin.figure`): it
then stands in report.json, in its schema, in the table of all figures and in comparisons by its path. To show it
elsewhere takes a line of a template.
"""
