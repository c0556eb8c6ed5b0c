"""HTTP and the common wire format: servers, signatures, parameters, errors on purpose."""
