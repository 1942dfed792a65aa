"""The rules as they change: which are in force, and what a change would do to what was read before."""
