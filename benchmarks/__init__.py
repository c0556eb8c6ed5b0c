"""Measures what cutover.smc costs, compared with alternatives; `make bench` runs it (see README.md)."""
