"""The deployment: settings, addresses, start-up. The only code that reads the environment."""
