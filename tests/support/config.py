"""How the servers of the tests are reached: one way to make their `ServerConfig`."""

from smtpadmin.smtp import Secret, Security, ServerConfig


def server_config(
    *,
    host: str,
    port: int,
    security: Security,
    username: str,
    password: str,
    ca_pem: str = "",
    changes: dict[str, object],
) -> ServerConfig:
    """Return a configuration with these values, or those of `changes`; without TLS there is no authority to trust."""
    values: dict[str, object] = {
        "host": host,
        "port": port,
        "security": security,
        "username": username,
        "password": Secret(password),
        "ca_pem": "" if security is Security.NONE else ca_pem,
    }
    return ServerConfig(**values | changes)  # type: ignore[arg-type]
