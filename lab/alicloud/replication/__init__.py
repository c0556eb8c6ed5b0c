"""Replication: the life of a job, and the copying of disks from vCenter."""
