"""The rehearsal Moodle's web service."""
