"""All broken set-ups, by what is broken."""

from tests.diagnosis.cases import certificates, mail, network, senders, sign_in

CASES = (*network.CASES, *certificates.CASES, *sign_in.CASES, *mail.CASES)
SENDER_CASES = senders.CASES
