"""The simulated state: records behind one lock, virtual time, prices, and what changes compute resources."""
