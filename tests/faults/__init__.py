"""Faults on purpose (operations/faults.py), each counted: what was lost, what came twice."""
