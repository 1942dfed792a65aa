"""The conveyor: rows that one stage leaves and the next one finds. Nothing here talks to a network."""
