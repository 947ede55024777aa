"""Runs Kubernetes pods as SLURM jobs.

Kept empty on purpose: the worker processes that hold pyslurm import this package, and
whatever stood here would be loaded by each of them.
"""
