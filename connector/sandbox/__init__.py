"""The rehearsal: LRS, PARS, Moodle on loopback, strict, full of switches. Knows nothing of the connector it tests."""
