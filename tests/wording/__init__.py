"""The words that pages and commands share."""
