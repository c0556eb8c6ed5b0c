"""The lab: a simulated vCenter, Alibaba Cloud and SMC connector on loopback; never imported by the collection."""
