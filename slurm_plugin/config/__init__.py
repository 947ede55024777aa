"""Settings: what they are (`settings`), where they come from (`load`)."""
