"""The gates between a credit and PARS: everything that can be checked before anything is sent."""
