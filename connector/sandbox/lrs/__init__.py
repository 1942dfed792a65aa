"""The rehearsal LRS."""
