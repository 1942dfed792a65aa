"""PARS connector: from completion statements in a learning record store to learner records in ACCME's PARS."""

__version__ = "0.1.0"
