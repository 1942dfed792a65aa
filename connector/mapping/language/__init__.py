"""The language of mapping files: what a rule may say, word by word. Knows no statement, file or store."""
