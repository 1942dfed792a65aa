"""The rehearsal: an LRS and a PARS on loopback, strict, full of switches. Knows nothing of the connector it tests."""
