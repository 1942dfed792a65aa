"""Asks PARS until every credit is settled."""
