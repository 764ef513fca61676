"""What the search says, in both languages. Names and numbers are put in by `say`."""

from typing import Final

from smtpadmin.finding.https import Reason
from smtpadmin.providers import Text
from smtpadmin.providers.phrases import fill
from smtpadmin.smtp import Security


def say(text: Text, **values: Text | str | int) -> Text:
    """Return `text` with its placeholders filled in."""
    return fill(text, {name: _both(value) for name, value in values.items()})


def _both(value: Text | str | int) -> Text:
    return value if isinstance(value, Text) else Text(en=str(value), zh=str(value))


SECURITY: Final = {
    Security.IMPLICIT_TLS: Text("SSL/TLS", "SSL/TLS"),
    Security.STARTTLS: Text("STARTTLS", "STARTTLS"),
    Security.NONE: Text("no encryption", "不加密"),
}

CATALOGUE_FOUND: Final = Text("{domain} belongs to {provider}.", "{domain} 属于{provider}。")
CATALOGUE_NOTHING: Final = Text(
    "{domain} is not the domain of a known provider.", "{domain} 不是已收录服务商的邮箱域名。"
)

NO_DOMAIN: Final = Text(
    "There is no domain {domain}. Look for a typing error in the address.",
    "域名 {domain} 不存在，请检查邮箱地址是否有误。",
)
DNS_NOT_ASKED: Final = Text(
    "DNS could not be asked about {domain}, so this step says nothing.", "无法向 DNS 查询 {domain}，此步骤没有结论。"
)

MX_FOUND: Final = Text(
    "Mail for {domain} arrives at {provider} ({host}), so it most likely leaves through it too.",
    "{domain} 的来信由{provider}（{host}）接收，发信很可能也通过它。",
)
MX_UNKNOWN: Final = Text(
    "Mail for {domain} arrives at {host}, which is not of a known provider.",
    "{domain} 的来信由 {host} 接收，它不属于已收录的服务商。",
)
MX_NONE: Final = Text("{domain} names no server for its mail.", "{domain} 没有 MX 记录，未指定收信服务器。")
MX_NULL: Final = Text(
    "{domain} says that it takes no mail at all. Look for a typing error in the address.",
    "{domain} 声明不接收任何邮件，请检查邮箱地址是否有误。",
)

SRV_FOUND: Final = Text(
    "{domain} names {host}, port {port}, in DNS as its server for sending.",
    "{domain} 在 DNS 中把 {host} 端口 {port} 指定为发信服务器。",
)
SRV_ELSEWHERE: Final = Text(
    "{domain} names {host}, port {port}, in DNS as its server for sending. It is in another domain: make sure that it "
    "is the one your provider gave you.",
    "{domain} 在 DNS 中把 {host} 端口 {port} 指定为发信服务器。它属于另一个域名，请确认这就是服务商提供的服务器。",
)
SRV_NOTHING: Final = Text("{domain} names no server for sending in DNS.", "{domain} 没有在 DNS 中指定发信服务器。")

AUTOCONFIG_FOUND: Final = Text(
    "{domain} publishes {host}, port {port}, for mail programs at {place}.",
    "{domain} 在 {place} 为邮件程序公布了 {host} 端口 {port}。",
)
AUTOCONFIG_NOTHING: Final = Text(
    "{domain} publishes no settings for mail programs.", "{domain} 没有为邮件程序公布设置。"
)
AUTOCONFIG_OFF: Final = Text(
    "Looking for published settings over HTTPS is switched off.", "通过 HTTPS 查找已公布设置的功能已关闭。"
)
AUTOCONFIG_EMPTY: Final = Text(
    "{place} holds no server that takes a password over a protected connection.",
    "{place} 中没有可在加密连接上用密码登录的服务器。",
)
AUTOCONFIG_BAD: Final = Text(
    "What {place} holds is no such file, or not safe to read; it was not used.",
    "{place} 的内容不是有效的设置文件，或读取不安全，因此未采用。",
)
FETCH: Final = {
    Reason.NO_HOST: Text("There is no host {host}.", "主机 {host} 不存在。"),
    Reason.DNS_FAILED: Text("DNS could not be asked about {host}.", "无法向 DNS 查询 {host}。"),
    Reason.DENIED: Text("{host} leads to an address that may not be connected to.", "{host} 指向不允许连接的地址。"),
    Reason.NO_CONNECTION: Text("{host} takes no HTTPS connection.", "{host} 不接受 HTTPS 连接。"),
    Reason.TIMEOUT: Text("{host} did not answer in time.", "{host} 未及时响应。"),
    Reason.UNTRUSTED: Text(
        "The certificate of {host} cannot be trusted, so what it says was not used.",
        "{host} 的证书不可信，因此未采用其内容。",
    ),
    Reason.BAD_REDIRECT: Text(
        "{host} sends us on to where we do not go: not HTTPS, no proper name, or round in circles.",
        "{host} 的重定向不被接受：不是 HTTPS、目标名称无效或形成循环。",
    ),
    Reason.TOO_LARGE: Text("The file at {host} is too large.", "{host} 上的文件过大。"),
    Reason.NOT_HTTP: Text("What {host} answers is not HTTPS.", "{host} 的响应不是有效的 HTTPS。"),
    Reason.STATUS: Text("{host} has no such file.", "{host} 上没有该文件。"),
}

PROBE_FOUND: Final = Text(
    "{host} answers on port {port} with {security} and offers sign-in; its certificate is valid.",
    "{host} 在端口 {port} 以 {security} 应答并提供登录，证书有效。",
)
PROBE_NOTHING: Final = Text(
    "Of the likely servers ({hosts}) none offers sign-in on ports {ports}.",
    "可能的服务器（{hosts}）在端口 {ports} 上都不提供登录。",
)
PROBE_NO_HOSTS: Final = Text(
    "None of the likely server names of {domain} exists.", "{domain} 的常见服务器名称都不存在。"
)
PROBE_NOT_NEEDED: Final = Text(
    "Servers were not tried: settings are found already.", "已找到设置，无需逐个尝试服务器。"
)
PROBE_OFF: Final = Text("Trying servers is switched off.", "已关闭逐个尝试服务器。")
