"""Where identities come from: each source answers for the actor keys it knows. A new one is one file here."""
