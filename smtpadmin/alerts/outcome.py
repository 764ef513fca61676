"""What became of one try to tell somebody. In words it is `texts`'."""

from dataclasses import dataclass
from enum import StrEnum

#: What is kept of the other side's words.
LONGEST_DETAIL = 300


class Reason(StrEnum):
    """Why nobody was told."""

    #: The stored address does not open: the keys or the channel's kind have changed.
    UNREADABLE = "unreadable"
    #: The panel has no usable key.
    LOCKED = "locked"
    UNEXPECTED = "unexpected"

    # Email
    NO_PROFILE = "no_profile"
    PROFILE_DISABLED = "profile_disabled"
    #: The alert is about the very profile that it would leave through.
    SAME_PROFILE = "same_profile"
    #: That profile is in trouble itself.
    PROFILE_FAILING = "profile_failing"
    NO_RECIPIENT = "no_recipient"
    MESSAGE_REFUSED = "message_refused"
    NO_ROOM = "no_room"

    # Webhook
    BAD_URL = "bad_url"
    NO_HOST = "no_host"
    DNS_FAILED = "dns_failed"
    DENIED = "denied"
    NO_CONNECTION = "no_connection"
    TIMEOUT = "timeout"
    UNTRUSTED = "untrusted"
    NOT_HTTPS = "not_https"
    REDIRECTED = "redirected"
    NOT_AUTHORISED = "not_authorised"
    NOT_FOUND = "not_found"
    TOO_MANY = "too_many"
    REFUSED = "refused"
    SERVER_ERROR = "server_error"

    # Service
    NOT_INSTALLED = "not_installed"
    BAD_SERVICE_URL = "bad_service_url"
    #: It would act on this computer, or send mail past the profiles.
    LOCAL_SERVICE = "local_service"
    UNVERIFIED = "unverified"
    SERVICE_REFUSED = "service_refused"


#: No later try can help: the notice is dropped.
FOR_GOOD = frozenset({Reason.SAME_PROFILE})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Told, or why not. `detail` is what the other side said, scrubbed of secrets."""

    reason: Reason | None = None
    detail: str = ""
    #: The message in the outbox, where it went that way: it is accepted and not yet sent.
    message_uid: str = ""

    @property
    def ok(self) -> bool:
        return self.reason is None
