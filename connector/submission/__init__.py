"""From ready to PARS: one record a request, the journal written first, an outcome per credit."""
