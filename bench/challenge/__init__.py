"""DCASE Task 1 as a challenge: how it ranked systems, and what it takes of one. Nothing but its commands imports it.

systems                 what reports and tables say of systems
ranking pareto          the ranks of a year, the front of accuracy against cost; its picture
forms yaml_lines meta   what a year asks for; YAML that knows its lines; the check of meta.yaml
output                  output.csv, and the check of a whole submission
model package           what the shipped files answer and cost; the files that are handed in
"""
