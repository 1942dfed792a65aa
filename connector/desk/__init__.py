"""What needs a person: cases, near misses, sheets that travel to Excel and back, notices, and word to the LRS."""
