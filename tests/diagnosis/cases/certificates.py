"""Certificates, and TLS itself."""

from smtpadmin.providers import Side, Text
from smtpadmin.smtp import Cause, Security, Stage
from tests.diagnosis.model import Case, Scripted, Verdict

STARTTLS = Security.STARTTLS

CASES = (
    Case(
        name="the certificate has expired",
        server=Scripted(certificate="expired"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_EXPIRED,
            side=Side.PROVIDER,
            title=Text("The server’s certificate has expired", "服务器证书已过期"),
            first=Text("Check date and time of this machine.", "检查本机的日期和时间。"),
        ),
    ),
    Case(
        name="the certificate has expired, with STARTTLS",
        server=Scripted(certificate="expired", security=STARTTLS),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_EXPIRED,
            side=Side.PROVIDER,
            title=Text("The server’s certificate has expired", "服务器证书已过期"),
            first=Text("Check date and time of this machine.", "检查本机的日期和时间。"),
        ),
    ),
    Case(
        name="the clock of this machine is behind",
        server=Scripted(certificate="not_yet_valid"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_NOT_YET_VALID,
            side=Side.YOU,
            title=Text("The server’s certificate is not valid yet", "服务器证书尚未生效"),
            first=Text(
                "Set date and time of this machine, best with a time service.",
                "校准本机的日期和时间，最好启用时间同步服务。",
            ),
        ),
    ),
    Case(
        name="a self-signed certificate",
        server=Scripted(certificate="self_signed"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_SELF_SIGNED,
            side=Side.YOU,
            title=Text("The server shows a self-signed certificate", "服务器使用自签名证书"),
            first=Text(
                (
                    "If the server is yours: compare the fingerprint with the one on the server, then pin this "
                    "certificate for the profile."
                ),
                "如果服务器由您管理：与服务器上的指纹核对一致后，在该配置中固定这张证书。",
            ),
        ),
    ),
    Case(
        name="a self-signed certificate, with STARTTLS",
        server=Scripted(certificate="self_signed", security=STARTTLS),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_SELF_SIGNED,
            side=Side.YOU,
            title=Text("The server shows a self-signed certificate", "服务器使用自签名证书"),
            first=Text(
                (
                    "If the server is yours: compare the fingerprint with the one on the server, then pin this "
                    "certificate for the profile."
                ),
                "如果服务器由您管理：与服务器上的指纹核对一致后，在该配置中固定这张证书。",
            ),
        ),
    ),
    Case(
        name="the self-signed certificate of Proton's bridge",
        provider="proton-bridge",
        server=Scripted(certificate="self_signed", security=STARTTLS),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_SELF_SIGNED,
            side=Side.YOU,
            title=Text("Bridge’s own certificate is not pinned yet", "尚未固定 Bridge 自己的证书"),
            first=Text(
                (
                    "Compare the fingerprint with that of the certificate that Bridge exports (Settings > Advanced > "
                    "Export TLS certificates), then pin it for this profile."
                ),
                (
                    "在 Bridge 中导出证书（Settings > Advanced > Export TLS certificates），核对指纹一致后，在该配置"
                    "中固定这张证书。"
                ),
            ),
        ),
    ),
    Case(
        name="a certificate for another name",
        server=Scripted(certificate="wrong_name"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_WRONG_NAME,
            side=Side.YOU,
            title=Text("The certificate is for another name", "证书与主机名不符"),
            first=Text(
                "Use a host name that the certificate lists: the names are shown with the test’s result.",
                "改用证书中列出的主机名：测试结果中会显示这些名称。",
            ),
        ),
    ),
    Case(
        name="an alias of our own for the provider's server",
        provider="aliyun-qiye",
        profile={"host": "mail.example.com"},
        server=Scripted(certificate="wrong_name"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_WRONG_NAME,
            side=Side.YOU,
            title=Text("The certificate is for another name", "证书与主机名不符"),
            first=Text(
                (
                    "Set the host as Alibaba Mail (enterprise) gives it: smtp.qiye.aliyun.com, port 465 with "
                    "SSL/TLS; or smtp.mxhichina.com, port 465 with SSL/TLS; or smtp.sg.aliyun.com, port 465 with "
                    "SSL/TLS."
                ),
                (
                    "请按阿里企业邮箱的官方设置填写主机：smtp.qiye.aliyun.com 的 465 端口（SSL/TLS）；或 "
                    "smtp.mxhichina.com 的 465 端口（SSL/TLS）；或 smtp.sg.aliyun.com 的 465 端口（SSL/TLS）。"
                ),
            ),
        ),
    ),
    Case(
        name="the server's bare address instead of its name",
        profile={"host": "127.0.0.1"},
        server=Scripted(certificate="wrong_name"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_WRONG_NAME,
            side=Side.YOU,
            title=Text("The certificate is for another name", "证书与主机名不符"),
            first=Text(
                "Use a host name that the certificate lists: the names are shown with the test’s result.",
                "改用证书中列出的主机名：测试结果中会显示这些名称。",
            ),
        ),
    ),
    Case(
        name="a company's own authority",
        server=Scripted(certificate="unknown_ca"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_UNKNOWN_CA,
            side=Side.YOU,
            title=Text("The server’s certificate comes from an unknown authority", "服务器证书的签发机构不受信任"),
            first=Text(
                "For a company’s own authority, add its CA certificate to the profile.",
                "如果是企业自建机构，请把它的 CA 证书添加到该配置中。",
            ),
        ),
    ),
    Case(
        name="a virus scanner or firewall opens the connection to a known provider",
        provider="gmail",
        profile={"host": "localhost"},
        server=Scripted(certificate="unknown_ca"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_UNKNOWN_CA,
            side=Side.NETWORK,
            title=Text("The server’s certificate comes from an unknown authority", "服务器证书的签发机构不受信任"),
            first=Text(
                (
                    "Ask your network administrator, or look into your virus scanner, whether mail connections are "
                    "inspected, and have this server excepted."
                ),
                "向网络管理员询问或查看杀毒软件，确认是否在检查邮件连接，并把该服务器设为例外。",
            ),
        ),
    ),
    Case(
        name="the server forgets the intermediate certificate",
        server=Scripted(certificate="intermediate_missing"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_UNKNOWN_CA,
            side=Side.YOU,
            title=Text("The server’s certificate comes from an unknown authority", "服务器证书的签发机构不受信任"),
            first=Text(
                "For a company’s own authority, add its CA certificate to the profile.",
                "如果是企业自建机构，请把它的 CA 证书添加到该配置中。",
            ),
        ),
    ),
    Case(
        name="the certificate was renewed and the old one is pinned",
        profile={"pinned_sha256": "ab" * 32},
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_PIN_MISMATCH,
            side=Side.YOU,
            title=Text("The server shows another certificate than the pinned one", "服务器证书与已固定的证书不一致"),
            first=Text(
                "Ask the server’s owner whether the certificate was renewed, and compare the new fingerprint.",
                "向服务器管理者确认证书是否已更换，并核对新的指纹。",
            ),
        ),
    ),
    Case(
        name="a server that knows only old TLS",
        server=Scripted(tls="only TLS 1.1"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_VERSION,
            side=Side.PROVIDER,
            title=Text("The server offers only outdated encryption", "服务器只支持过时的加密协议"),
            first=Text(
                "If the server is yours, update it or turn TLS 1.2 on.",
                "如果服务器由您管理，请升级服务器或启用 TLS 1.2。",
            ),
        ),
    ),
    Case(
        name="a server that knows only old TLS, with STARTTLS",
        server=Scripted(tls="only TLS 1.1", security=STARTTLS),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_VERSION,
            side=Side.PROVIDER,
            title=Text("The server offers only outdated encryption", "服务器只支持过时的加密协议"),
            first=Text(
                "If the server is yours, update it or turn TLS 1.2 on.",
                "如果服务器由您管理，请升级服务器或启用 TLS 1.2。",
            ),
        ),
    ),
    Case(
        name="a server that has certificates for other names only (SNI)",
        server=Scripted(tls="knows no such name"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_FAILED,
            side=Side.YOU,
            title=Text("The server does not know itself by this name", "服务器不认可该主机名"),
            first=Text(
                "Set the host to the name that the provider gives for sending, not to an alias or an IP address.",
                "主机请填服务商提供的发信主机名，不要填别名或 IP 地址。",
            ),
        ),
    ),
    Case(
        name="a server that wants a client certificate",
        server=Scripted(tls="wants a client certificate"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_FAILED,
            side=Side.PROVIDER,
            title=Text("Server and panel find no encryption in common", "服务器与本面板没有共同的加密方式"),
            first=Text(
                "Check the port: use 465 with SSL/TLS or 587 with STARTTLS; other ports may be for other servers only.",
                "检查端口：请用 465（SSL/TLS）或 587（STARTTLS）；其他端口可能只供服务器之间使用。",
            ),
        ),
    ),
    Case(
        name="a server that wants a client certificate, TLS 1.3",
        server=Scripted(tls="wants a client certificate, TLS 1.3"),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.CONNECTION_CLOSED,
            side=Side.YOU,
            title=Text("The server hung up at the very beginning", "服务器一开始就断开了连接"),
            first=Text(
                "Check port and encryption: 465 is SSL/TLS, 587 is STARTTLS.",
                "核对端口和加密方式：465 用 SSL/TLS，587 用 STARTTLS。",
            ),
        ),
    ),
    Case(
        name="no cipher in common",
        server=Scripted(tls="has other ciphers"),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.TLS_FAILED,
            side=Side.PROVIDER,
            title=Text("Server and panel find no encryption in common", "服务器与本面板没有共同的加密方式"),
            first=Text(
                "Check the port: use 465 with SSL/TLS or 587 with STARTTLS; other ports may be for other servers only.",
                "检查端口：请用 465（SSL/TLS）或 587（STARTTLS）；其他端口可能只供服务器之间使用。",
            ),
        ),
    ),
)
