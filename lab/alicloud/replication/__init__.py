"""Replication: the lifecycle of a job, and the copying of disks from vCenter."""
