"""Who earned it: identities from the learner sources, one learner for several actors, awards with their credits."""
