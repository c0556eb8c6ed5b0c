"""A stand-in for the SMC VMware connector: what lies in /root/smc on the appliance, and behaves as it is documented to."""
