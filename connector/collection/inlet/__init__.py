"""Statements that come by themselves: the connector as the endpoint to which others post."""
