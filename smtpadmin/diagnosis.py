"""What a failure means for this profile: joins the SMTP core's errors with the providers' knowledge of replies."""

from smtpadmin.conf import conf
from smtpadmin.providers import Catalogue, Diagnosis, Failure, Provider, explain, load
from smtpadmin.smtp import SmtpError


def catalogue() -> Catalogue:
    """Return the catalogue with the operator's own records; loaded once per process."""
    return load(conf.providers_file)


def provider_of(key: str) -> Provider | None:
    """Return the provider of a profile, or None for a server that the catalogue does not know."""
    return catalogue().get(key) if key else None


def failure_of(error: SmtpError) -> Failure:
    """Return the error as the plain values that the decoder takes, and that a report keeps."""
    reply = error.reply
    return Failure(
        stage=error.stage,
        cause=error.cause,
        code=reply.code if reply else None,
        enhanced=reply.enhanced if reply else "",
        text=reply.text if reply else str(error),
    )


def diagnose(failure: Failure, provider_key: str) -> Diagnosis:
    """Explain a failure in both languages, with what is known of the profile's provider."""
    return explain(failure, provider=provider_of(provider_key))
