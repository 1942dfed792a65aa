"""The main job on a rehearsal LRS and a rehearsal PARS, in one command; nothing leaves this machine."""
