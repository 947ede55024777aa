"""Stand-ins for what the plugin talks to."""
