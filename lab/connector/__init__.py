"""A simulated SMC VMware connector: the programs of /root/smc on the appliance, behaving as documented."""
