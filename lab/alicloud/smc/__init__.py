"""The actions of SMC 2019-06-01."""
