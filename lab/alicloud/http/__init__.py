"""HTTP and the common wire format: servers, signatures, parameters, injected faults."""
