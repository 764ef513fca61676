"""The product around the app."""
