"""A message that would show any change on its way to a mailbox."""

from email.message import EmailMessage


def telling_message(sender: str, recipient: str, *, token: str, size: int = 0) -> EmailMessage:
    """Return one with `token` in its header, which is in no other, and an attachment larger by `size`."""
    mail = EmailMessage()
    mail["From"] = f"Größe <{sender}>"
    mail["To"] = recipient
    mail["Subject"] = f"你好 {token}"
    mail["X-Token"] = token
    mail.set_content("Grüße, 世界\n.\n..two dots\nFrom the start\n\n" + "long " * 190 + "\n")
    mail.add_attachment(bytes(range(256)) * 4 + b"x" * size, maintype="application", subtype="octet-stream")
    return mail
