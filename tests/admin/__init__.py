"""The pages through Django's client: permissions, rules, secrets, queries."""
