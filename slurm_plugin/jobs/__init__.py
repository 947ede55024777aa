"""Orchestration: what happens to a pod between its create and its delete."""
