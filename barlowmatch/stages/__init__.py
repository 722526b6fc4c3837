"""What each command does: one task module each."""
