"""Tests of rules: their form, running them, their coverage, and recording one from a real statement."""
