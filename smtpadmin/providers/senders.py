"""Whether a provider will let a From address through, said while the form is filled in.

Only what follows from the record and the two addresses: nothing is asked of DNS or the provider.
"""

from __future__ import annotations

from dataclasses import dataclass

from smtpadmin.providers.catalogue import load
from smtpadmin.providers.model import Category, FromRule, Provider, Text, UserNameForm
from smtpadmin.providers.phrases import fill


@dataclass(frozen=True, slots=True)
class FromProblem:
    """What to tell the operator. Not `certain`: worth a look, but the mail may well pass."""

    text: Text
    certain: bool


def check_from(provider: Provider, *, username: str, address: str) -> FromProblem | None:
    """Return why this provider may refuse `address` as sender for this login, or None."""
    match provider.from_rule:
        case FromRule.SAME_AS_LOGIN | FromRule.LOGIN_OR_ALIAS:
            return _against_login(provider, username=username, address=address)
        case FromRule.VERIFIED | FromRule.ACCEPTED_DOMAIN:
            return _against_mailboxes(provider, address=address)
        case FromRule.ANY:
            return None


def _against_login(provider: Provider, *, username: str, address: str) -> FromProblem | None:
    sender = address.strip()
    login = _login_address(provider, username=username.strip(), sender=sender)
    if not login or login.casefold() == sender.casefold():
        return None
    values = {"provider": provider.name, "login": _same(login), "address": _same(sender)}
    if provider.from_rule is FromRule.LOGIN_OR_ALIAS:
        return FromProblem(fill(ALIAS, values), certain=False)
    if provider.from_documented:
        return FromProblem(fill(LOGIN_ONLY, values), certain=True)
    return FromProblem(fill(LOGIN_ADVISED, values), certain=False)


def _login_address(provider: Provider, *, username: str, sender: str) -> str:
    """Return the address of the mailbox that signs in, or "" where the user name does not tell it."""
    if "@" in username:
        return username
    if not username or provider.username is not UserNameForm.LOCAL_PART:
        return ""
    domain = sender.rpartition("@")[2]
    # A provider with several domains gives the same user name to each: then the From's own is the one meant.
    if provider.domains and domain.casefold() not in provider.domains:
        domain = provider.domains[0]
    return f"{username}@{domain}"


def _against_mailboxes(provider: Provider, *, address: str) -> FromProblem | None:
    """Nobody can prove to own gmail.com: such a sender fails at every service that verifies domains."""
    owner = load().detect(address)
    if owner is None or owner.category is not Category.MAILBOX:
        return None
    domain = address.strip().rpartition("@")[2].lower()
    text = VERIFIED if provider.from_rule is FromRule.VERIFIED else ACCEPTED
    return FromProblem(
        fill(text, {"provider": provider.name, "owner": owner.name, "domain": _same(domain)}), certain=False
    )


def _same(text: str) -> Text:
    return Text(en=text, zh=text)


LOGIN_ONLY = Text(
    en="{provider} accepts only the address you sign in with as sender. Use {login} as From, "
    "and put {address} into Reply-To if answers should go there.",
    zh="{provider}只接受登录所用的地址作为发件地址。请把发件地址改为 {login}；"
    "如需让回信寄到 {address}，请把它填入回复地址（Reply-To）。",
)
LOGIN_ADVISED = Text(
    en="From {address} differs from the login {login}. Most mailbox providers refuse or rewrite such a sender, "
    "and {provider} does not promise otherwise: use the login address.",
    zh="发件地址 {address} 与登录地址 {login} 不同。多数邮箱服务会拒绝或改写这样的发件地址，"
    "{provider}也没有说明允许这样做：建议使用登录地址。",
)
ALIAS = Text(
    en="{provider} accepts {login} and its aliases as sender. Make sure that {address} is set up there as an alias "
    "or as an address this login may send as.",
    zh="{provider}只接受 {login} 及其别名作为发件地址。请确认 {address} 已在该账号中设为别名，或已获准用它代发邮件。",
)
VERIFIED = Text(
    en="{provider} sends only from domains or addresses you have verified there, and {domain} belongs to {owner}. "
    "Use an address in a domain of your own.",
    zh="{provider}只允许使用已验证的域名或地址发信，而 {domain} 属于{owner}，您无法验证整个域名。"
    "请使用您自己域名下的地址。",
)
ACCEPTED = Text(
    en="{provider} sends only for your organisation's own domains, and {domain} belongs to {owner}. "
    "Use an address in one of your domains.",
    zh="{provider}只为贵单位自己的域名发信，而 {domain} 属于{owner}。请使用您自己域名下的地址。",
)
