"""The rehearsal PARS, strict and not kind."""
