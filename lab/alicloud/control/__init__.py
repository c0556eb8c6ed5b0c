"""The control port, and the connector's protocol."""
