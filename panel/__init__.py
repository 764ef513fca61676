"""The product around the app: its own admin site, first run, password reset, health check and response headers.

What a host project would not want stays here; what it wants is in `smtpadmin`. The skin is in the top-level
`templates/` and `static/`.
"""
