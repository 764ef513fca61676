"""The commands of a bad day, called as a person calls them."""
