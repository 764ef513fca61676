"""What tests share: certificates, servers that behave, servers that do not, and what they need on the machine."""
