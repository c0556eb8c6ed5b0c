"""What cutover.smc costs, beside what else could do the same; `make bench` runs it (see README.md)."""
