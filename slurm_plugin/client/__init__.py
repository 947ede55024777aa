"""Commands for people without Kubernetes at hand: they speak to a plugin as interLink does."""
