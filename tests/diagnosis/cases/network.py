"""The way to the server: names, ports, firewalls, the kind of encryption, and other services that answer."""

from smtpadmin.providers import Side, Text
from smtpadmin.smtp import Cause, Security, Stage
from tests.diagnosis.model import Case, Dropping, Exim, Postfix, Refusing, Scripted, Verdict, WebServer
from tests.support.behaviours import close, drip, ehlo, hang, pause, raw, reset, say, then
from tests.support.dns_server import servfail, silent
from tests.support.hostile import Phase

PLAIN = Security.NONE
STARTTLS = Security.STARTTLS

CASES = (
    # The name
    Case(
        name="a typing error in the host",
        profile={"host": "smtp.exmaple.com"},
        dns=(("smtp.example.com", "A", "127.0.0.1"),),
        verdict=Verdict(
            stage=Stage.DNS,
            cause=Cause.NAME_NOT_FOUND,
            side=Side.YOU,
            title=Text("The host name does not exist", "主机名不存在"),
            first=Text(
                "Compare the host with the one in the provider’s help page, letter by letter.",
                "对照服务商帮助页面，逐字核对主机名。",
            ),
        ),
    ),
    Case(
        name="a typing error in the host of a known provider",
        provider="gmail",
        profile={"host": "smtp.gmial.com"},
        dns=(("smtp.gmail.com", "A", "127.0.0.1"),),
        verdict=Verdict(
            stage=Stage.DNS,
            cause=Cause.NAME_NOT_FOUND,
            side=Side.YOU,
            title=Text("The host name does not exist", "主机名不存在"),
            first=Text(
                "Set the host as Gmail gives it: smtp.gmail.com, port 465 with SSL/TLS, or 587 with STARTTLS.",
                "请按 Gmail 的官方设置填写主机：smtp.gmail.com 的 465 端口（SSL/TLS）或 587 端口（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="the mail domain as host, which has no address",
        provider="namecheap",
        profile={"host": "example.com"},
        dns=(("example.com", "MX", "10 mx.example.com."), ("example.com", "TXT", "v=spf1 -all")),
        verdict=Verdict(
            stage=Stage.DNS,
            cause=Cause.NAME_NOT_FOUND,
            side=Side.YOU,
            title=Text("The host name does not exist", "主机名不存在"),
            first=Text(
                (
                    "Set the host as Namecheap Private Email gives it: mail.privateemail.com, port 465 with SSL/TLS, "
                    "or 587 with STARTTLS."
                ),
                (
                    "请按 Namecheap 企业邮箱（Private Email）的官方设置填写主机：mail.privateemail.com 的 465 端口（"
                    "SSL/TLS）或 587 端口（STARTTLS）。"
                ),
            ),
        ),
    ),
    Case(
        name="the name of a container on another network",
        profile={"host": "mailserver"},
        dns=(("example.com", "A", "127.0.0.1"),),
        verdict=Verdict(
            stage=Stage.DNS,
            cause=Cause.NAME_NOT_FOUND,
            side=Side.YOU,
            title=Text("The host name does not exist", "主机名不存在"),
            first=Text(
                "Compare the host with the one in the provider’s help page, letter by letter.",
                "对照服务商帮助页面，逐字核对主机名。",
            ),
        ),
    ),
    Case(
        name="the provider's name servers fail",
        profile={"host": "smtp.example.com"},
        dns_behaviour={"smtp.example.com": servfail},
        verdict=Verdict(
            stage=Stage.DNS,
            cause=Cause.DNS_FAILED,
            side=Side.NETWORK,
            title=Text("The host name could not be looked up", "无法解析主机名"),
            first=Text(
                "Try again in a few minutes: such faults are often short.", "几分钟后再试一次：这类故障通常很快恢复。"
            ),
        ),
    ),
    Case(
        name="no DNS server answers",
        profile={"host": "smtp.example.com"},
        dns_behaviour={"smtp.example.com": silent},
        deadlines={"dns": 1},
        verdict=Verdict(
            stage=Stage.DNS,
            cause=Cause.DNS_TIMEOUT,
            side=Side.NETWORK,
            title=Text("The name service did not answer", "DNS 服务器没有响应"),
            first=Text("Check that this machine can look up other names.", "检查本机能否解析其他域名。"),
        ),
    ),
    Case(
        name="only an IPv6 address, and none of ours",
        profile={"host": "ipv6.example.com"},
        dns=(("ipv6.example.com", "AAAA", "2001:db8::25"),),
        verdict=Verdict(
            stage=Stage.TCP,
            cause=Cause.UNREACHABLE,
            side=Side.NETWORK,
            title=Text("The network of the server cannot be reached", "无法连通服务器所在的网络"),
            first=Text(
                "Check that this machine has a working connection to the internet.", "检查本机能否正常访问互联网。"
            ),
        ),
    ),
    Case(
        name="the host leads to a cloud's metadata service",
        profile={"host": "smtp.example.com"},
        dns=(("smtp.example.com", "A", "169.254.169.254"),),
        verdict=Verdict(
            stage=Stage.DNS,
            cause=Cause.ADDRESS_DENIED,
            side=Side.YOU,
            title=Text("The panel does not connect to this address", "面板不允许连接该地址"),
            first=Text(
                "Check the host: it should be your provider’s mail server.", "检查主机名：应填服务商的邮件服务器。"
            ),
        ),
    ),
    # The port
    Case(
        name="nothing listens on the port",
        server=Refusing(),
        verdict=Verdict(
            stage=Stage.TCP,
            cause=Cause.CONNECTION_REFUSED,
            side=Side.YOU,
            title=Text("Nothing listens on this port", "该端口没有服务在监听"),
            first=Text(
                "Check the port: 465 for SSL/TLS, 587 for STARTTLS.", "检查端口：SSL/TLS 用 465，STARTTLS 用 587。"
            ),
        ),
    ),
    Case(
        name="nothing listens on the port of a known provider",
        server=Refusing(),
        provider="qq",
        verdict=Verdict(
            stage=Stage.TCP,
            cause=Cause.CONNECTION_REFUSED,
            side=Side.YOU,
            title=Text("Nothing listens on this port", "该端口没有服务在监听"),
            first=Text(
                "Set host and port as QQ Mail gives them: smtp.qq.com, port 465 with SSL/TLS, or 587 with STARTTLS.",
                "请按 QQ 邮箱的官方设置填写主机和端口：smtp.qq.com 的 465 端口（SSL/TLS）或 587 端口（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="nothing listens on this computer, as inside a container",
        server=Refusing(),
        provider="localhost-postfix",
        profile={"host": "127.0.0.1", "security": "none"},
        verdict=Verdict(
            stage=Stage.TCP,
            cause=Cause.CONNECTION_REFUSED,
            side=Side.YOU,
            title=Text(
                "Local mail server (Postfix, Exim, sendmail) does not run there",
                "该处没有运行本机邮件服务器（Postfix、Exim、sendmail）",
            ),
            first=Text(
                (
                    "If the panel runs in a container, set the host to the name of the mail service in the compose "
                    "file, or to host.docker.internal for the host machine."
                ),
                (
                    "如果本面板运行在容器中，主机请填 compose 文件里邮件服务的名称；要连接宿主机则填 "
                    "host.docker.internal。"
                ),
            ),
        ),
    ),
    Case(
        name="a firewall drops the port",
        server=Dropping(),
        deadlines={"connect_each": 1},
        verdict=Verdict(
            stage=Stage.TCP,
            cause=Cause.CONNECT_TIMEOUT,
            side=Side.NETWORK,
            title=Text("No connection within the time allowed", "连接超时"),
            first=Text(
                "Try the provider’s other ports: 465, 587, and 2525 where it is offered.",
                "换用服务商的其他端口：465、587，或其提供的 2525。",
            ),
        ),
    ),
    Case(
        name="the cloud drops the port of a known provider",
        server=Dropping(),
        provider="netease-163",
        deadlines={"connect_each": 1},
        verdict=Verdict(
            stage=Stage.TCP,
            cause=Cause.CONNECT_TIMEOUT,
            side=Side.NETWORK,
            title=Text("No connection within the time allowed", "连接超时"),
            first=Text(
                (
                    "Try each of the ways to NetEase 163.com Mail: smtp.163.com, port 465 with SSL/TLS, or 994 with "
                    "SSL/TLS."
                ),
                "依次尝试网易 163 邮箱的各个连接方式：smtp.163.com 的 465 端口（SSL/TLS）或 994 端口（SSL/TLS）。",
            ),
        ),
    ),
    Case(
        name="the cloud drops port 465, and the provider has 2525",
        server=Dropping(),
        provider="sendgrid",
        deadlines={"connect_each": 1},
        verdict=Verdict(
            stage=Stage.TCP,
            cause=Cause.CONNECT_TIMEOUT,
            side=Side.NETWORK,
            title=Text("No connection within the time allowed", "连接超时"),
            first=Text(
                (
                    "Try each of the ways to Twilio SendGrid: smtp.sendgrid.net, port 465 with SSL/TLS, or 587 with "
                    "STARTTLS, or 2525 with STARTTLS."
                ),
                (
                    "依次尝试 Twilio SendGrid 的各个连接方式：smtp.sendgrid.net 的 465 端口（SSL/TLS）或 587 端口（"
                    "STARTTLS）或 2525 端口（STARTTLS）。"
                ),
            ),
        ),
    ),
    # The kind of encryption
    Case(
        name="TLS on the STARTTLS port of Postfix",
        server=Postfix(security=STARTTLS),
        profile={"security": "tls"},
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.PLAIN_ON_TLS_PORT,
            side=Side.YOU,
            title=Text("The server does not start with TLS on this port", "服务器在该端口上不是一开始就使用 TLS"),
            first=Text("Set the encryption to STARTTLS.", "把加密方式改为 STARTTLS。"),
        ),
    ),
    Case(
        name="TLS on the STARTTLS port of Exim",
        server=Exim(security=STARTTLS),
        profile={"security": "tls"},
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.PLAIN_ON_TLS_PORT,
            side=Side.YOU,
            title=Text("The server does not start with TLS on this port", "服务器在该端口上不是一开始就使用 TLS"),
            first=Text("Set the encryption to STARTTLS.", "把加密方式改为 STARTTLS。"),
        ),
    ),
    Case(
        name="STARTTLS on the TLS port of Postfix",
        server=Postfix(security=Security.IMPLICIT_TLS),
        profile={"security": "starttls"},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.TLS_ON_PLAIN_PORT,
            side=Side.YOU,
            title=Text("The server expects TLS from the first byte", "服务器要求一开始就使用 TLS"),
            first=Text("Set the encryption to SSL/TLS.", "把加密方式改为 SSL/TLS。"),
        ),
    ),
    Case(
        name="STARTTLS on the TLS port of Exim",
        server=Exim(security=Security.IMPLICIT_TLS),
        profile={"security": "starttls"},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.TLS_ON_PLAIN_PORT,
            side=Side.YOU,
            title=Text("The server expects TLS from the first byte", "服务器要求一开始就使用 TLS"),
            first=Text("Set the encryption to SSL/TLS.", "把加密方式改为 SSL/TLS。"),
        ),
    ),
    Case(
        name="no encryption on the TLS port of Exim",
        server=Exim(security=Security.IMPLICIT_TLS),
        profile={"security": "none"},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.TLS_ON_PLAIN_PORT,
            side=Side.YOU,
            title=Text("The server expects TLS from the first byte", "服务器要求一开始就使用 TLS"),
            first=Text("Set the encryption to SSL/TLS.", "把加密方式改为 SSL/TLS。"),
        ),
    ),
    Case(
        name="TLS on the STARTTLS port of Gmail",
        provider="gmail",
        server=Scripted(security=STARTTLS),
        profile={"security": "tls"},
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.PLAIN_ON_TLS_PORT,
            side=Side.YOU,
            title=Text("The server does not start with TLS on this port", "服务器在该端口上不是一开始就使用 TLS"),
            first=Text("Set the encryption to STARTTLS.", "把加密方式改为 STARTTLS。"),
        ),
    ),
    Case(
        name="STARTTLS on the TLS port of QQ",
        provider="qq",
        profile={"security": "starttls"},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.TLS_ON_PLAIN_PORT,
            side=Side.YOU,
            title=Text("The server expects TLS from the first byte", "服务器要求一开始就使用 TLS"),
            first=Text("Set the encryption to SSL/TLS.", "把加密方式改为 SSL/TLS。"),
        ),
    ),
    Case(
        name="STARTTLS where Postfix has none",
        server=Postfix(security=PLAIN),
        profile={"security": "starttls"},
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.STARTTLS_MISSING,
            side=Side.YOU,
            title=Text("The server does not offer STARTTLS", "服务器没有提供 STARTTLS"),
            first=Text(
                "Use SSL/TLS on port 465 if the provider offers it.", "如果服务商支持，请改用 465 端口的 SSL/TLS。"
            ),
        ),
    ),
    Case(
        name="TLS where Postfix has none",
        server=Postfix(security=PLAIN),
        profile={"security": "tls"},
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.PLAIN_ON_TLS_PORT,
            side=Side.YOU,
            title=Text("The server does not start with TLS on this port", "服务器在该端口上不是一开始就使用 TLS"),
            first=Text("Set the encryption to STARTTLS.", "把加密方式改为 STARTTLS。"),
        ),
    ),
    Case(
        name="a filter on the way takes STARTTLS out",
        provider="icloud",
        server=Scripted(
            script={Phase.EHLO: ehlo("XXXXXXXA", "8BITMIME", "SIZE 52428800", starttls=False)}, security=STARTTLS
        ),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.STARTTLS_MISSING,
            side=Side.NETWORK,
            title=Text("The server does not offer STARTTLS", "服务器没有提供 STARTTLS"),
            first=Text(
                "Set host, port and security as iCloud Mail gives them: smtp.mail.me.com, port 587 with STARTTLS.",
                "请按 iCloud 邮件的官方设置填写主机、端口和加密方式：smtp.mail.me.com 的 587 端口（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="STARTTLS is offered and cannot be begun",
        server=Scripted(script={Phase.STARTTLS: say("454 4.7.0 TLS not available: local problem")}, security=STARTTLS),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.STARTTLS_REFUSED,
            side=Side.PROVIDER,
            title=Text("The server refused STARTTLS", "服务器拒绝了 STARTTLS"),
            first=Text("Try again later, or use SSL/TLS on port 465.", "稍后再试，或改用 465 端口的 SSL/TLS。"),
        ),
    ),
    Case(
        name="plain text is slipped in where TLS begins",
        server=Scripted(
            script={Phase.STARTTLS: then(raw(b"220 2.0.0 Ready\r\n250-mail\r\n250 AUTH PLAIN\r\n"), hang)},
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.STARTTLS_INJECTED,
            side=Side.NETWORK,
            title=Text(
                "Unexpected data before encryption: the connection was dropped", "加密开始前收到异常数据，已断开连接"
            ),
            first=Text(
                "Use SSL/TLS on port 465, where nothing can be slipped in.",
                "改用 465 端口的 SSL/TLS，这种方式无法被注入。",
            ),
        ),
    ),
    # Other services
    Case(
        name="the IMAP port, 143",
        server=Scripted(
            script={Phase.GREETING: say("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] Dovecot ready.")},
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.NOT_SMTP,
            side=Side.YOU,
            title=Text("There is no mail server on this port", "该端口上的服务不是邮件服务器"),
            first=Text(
                (
                    "Use the host and port for sending (SMTP), mostly 465 or 587; those for receiving (IMAP 143 and "
                    "993, POP3 110 and 995) do not work here."
                ),
                (
                    "请填发信（SMTP）的主机和端口，通常是 465 或 587；收信（IMAP 的 143、993 和 POP3 的 110、995）不"
                    "能用在这里。"
                ),
            ),
        ),
    ),
    Case(
        name="the IMAP port with TLS, 993",
        server=Scripted(script={Phase.GREETING: say("* OK Gimap ready for requests from 203.0.113.9 4kb1")}),
        provider="gmail",
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.NOT_SMTP,
            side=Side.YOU,
            title=Text("There is no mail server on this port", "该端口上的服务不是邮件服务器"),
            first=Text(
                (
                    "Set host and port as Gmail gives them for sending: smtp.gmail.com, port 465 with SSL/TLS, or "
                    "587 with STARTTLS."
                ),
                (
                    "请按 Gmail 的官方发信设置填写主机和端口：smtp.gmail.com 的 465 端口（SSL/TLS）或 587 端口（"
                    "STARTTLS）。"
                ),
            ),
        ),
    ),
    Case(
        name="the POP3 port, 110",
        server=Scripted(script={Phase.GREETING: say("+OK Dovecot (Debian) ready.")}, security=STARTTLS),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.NOT_SMTP,
            side=Side.YOU,
            title=Text("There is no mail server on this port", "该端口上的服务不是邮件服务器"),
            first=Text(
                (
                    "Use the host and port for sending (SMTP), mostly 465 or 587; those for receiving (IMAP 143 and "
                    "993, POP3 110 and 995) do not work here."
                ),
                (
                    "请填发信（SMTP）的主机和端口，通常是 465 或 587；收信（IMAP 的 143、993 和 POP3 的 110、995）不"
                    "能用在这里。"
                ),
            ),
        ),
    ),
    Case(
        name="the POP3 port with TLS, 995",
        provider="netease-163",
        server=Scripted(
            script={
                Phase.GREETING: say(
                    "+OK Welcome to coremail Mail Pop3 Server (163coms[10774b260cc7a37d26d71b52404dcf5cs])"
                )
            }
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.NOT_SMTP,
            side=Side.YOU,
            title=Text("There is no mail server on this port", "该端口上的服务不是邮件服务器"),
            first=Text(
                (
                    "Set host and port as NetEase 163.com Mail gives them for sending: smtp.163.com, port 465 with "
                    "SSL/TLS, or 994 with SSL/TLS."
                ),
                (
                    "请按网易 163 邮箱的官方发信设置填写主机和端口：smtp.163.com 的 465 端口（SSL/TLS）或 994 端口（"
                    "SSL/TLS）。"
                ),
            ),
        ),
    ),
    Case(
        name="a web server",
        server=WebServer(https=False),
        profile={"security": "starttls"},
        deadlines={"greeting": 1},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.DEADLINE_EXCEEDED,
            side=Side.YOU,
            title=Text("Something answers there, and no mail server speaks", "对方已接通，但没有邮件服务器应答"),
            first=Text(
                (
                    "Check host and port: they must be those for sending (SMTP), mostly 465 with SSL/TLS or 587 with "
                    "STARTTLS."
                ),
                "检查主机和端口：必须是发信（SMTP）用的，通常是 465（SSL/TLS）或 587（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="a web server with HTTPS, and TLS",
        server=WebServer(https=True),
        deadlines={"greeting": 1},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.DEADLINE_EXCEEDED,
            side=Side.YOU,
            title=Text("Something answers there, and no mail server speaks", "对方已接通，但没有邮件服务器应答"),
            first=Text(
                (
                    "Check host and port: they must be those for sending (SMTP), mostly 465 with SSL/TLS or 587 with "
                    "STARTTLS."
                ),
                "检查主机和端口：必须是发信（SMTP）用的，通常是 465（SSL/TLS）或 587（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="a web server with HTTPS, and STARTTLS",
        server=WebServer(https=True),
        profile={"security": "starttls"},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.TLS_ON_PLAIN_PORT,
            side=Side.YOU,
            title=Text("The server expects TLS from the first byte", "服务器要求一开始就使用 TLS"),
            first=Text("Set the encryption to SSL/TLS.", "把加密方式改为 SSL/TLS。"),
        ),
    ),
    Case(
        name="the SSH port, 22",
        server=Scripted(script={Phase.GREETING: say("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")}, security=STARTTLS),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.NOT_SMTP,
            side=Side.YOU,
            title=Text("There is no mail server on this port", "该端口上的服务不是邮件服务器"),
            first=Text(
                (
                    "Use the host and port for sending (SMTP), mostly 465 or 587; those for receiving (IMAP 143 and "
                    "993, POP3 110 and 995) do not work here."
                ),
                (
                    "请填发信（SMTP）的主机和端口，通常是 465 或 587；收信（IMAP 的 143、993 和 POP3 的 110、995）不"
                    "能用在这里。"
                ),
            ),
        ),
    ),
    Case(
        name="the FTP port, 21",
        server=Scripted(
            script={Phase.GREETING: say("220 (vsFTPd 3.0.5)"), Phase.EHLO: say("530 Please login with USER and PASS.")},
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.EHLO_REFUSED,
            side=Side.YOU,
            title=Text("There is no mail server on this port", "该端口上的服务不是邮件服务器"),
            first=Text(
                "Set the port for sending (SMTP): 465 with SSL/TLS or 587 with STARTTLS.",
                "请填发信（SMTP）的端口：465（SSL/TLS）或 587（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="a database",
        server=Scripted(script={Phase.GREETING: then(raw(b"J\0\0\0\n8.0.36\0"), close)}, security=STARTTLS),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.NOT_SMTP,
            side=Side.YOU,
            title=Text("There is no mail server on this port", "该端口上的服务不是邮件服务器"),
            first=Text(
                (
                    "Use the host and port for sending (SMTP), mostly 465 or 587; those for receiving (IMAP 143 and "
                    "993, POP3 110 and 995) do not work here."
                ),
                (
                    "请填发信（SMTP）的主机和端口，通常是 465 或 587；收信（IMAP 的 143、993 和 POP3 的 110、995）不"
                    "能用在这里。"
                ),
            ),
        ),
    ),
    Case(
        name="the port of LMTP",
        server=Scripted(
            script={
                Phase.GREETING: say("220 mail.example.com Dovecot ready."),
                Phase.EHLO: say("500 5.5.1 Unknown command"),
            },
            security=PLAIN,
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.EHLO_REFUSED,
            side=Side.YOU,
            title=Text("The server did not understand our greeting", "服务器无法识别本面板的问候（EHLO）"),
            first=Text(
                "Set the port for sending (SMTP): 465 with SSL/TLS or 587 with STARTTLS.",
                "请填发信（SMTP）的端口：465（SSL/TLS）或 587（STARTTLS）。",
            ),
        ),
    ),
    # What stands on the way
    Case(
        name="an internet provider's own server answers on port 25",
        server=Scripted(
            script={
                Phase.GREETING: say(
                    "554 smtp.isp.example.net ESMTP not accepting connections: port 25 is blocked, use your provider's "
                    "outgoing server"
                )
            },
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.SERVICE_UNAVAILABLE,
            side=Side.NETWORK,
            title=Text("The server does not talk to this machine’s address", "服务器拒绝本机 IP 的连接"),
            first=Text(
                "Use port 465 or 587 with a sign-in instead of port 25.",
                "改用需要登录的 465 或 587 端口，不要用 25 端口。",
            ),
        ),
    ),
    Case(
        name="a firewall that inspects mail hides the greeting and breaks EHLO",
        server=Scripted(
            script={
                Phase.GREETING: say("220 " + "*" * 60),
                Phase.EHLO: say("500 #5.5.1 command not recognized"),
            },
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.EHLO_REFUSED,
            side=Side.YOU,
            title=Text("The server did not understand our greeting", "服务器无法识别本面板的问候（EHLO）"),
            first=Text(
                "Set the port for sending (SMTP): 465 with SSL/TLS or 587 with STARTTLS.",
                "请填发信（SMTP）的端口：465（SSL/TLS）或 587（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="a captive portal's page in place of the server",
        server=Scripted(
            script={
                Phase.GREETING: then(
                    say("HTTP/1.1 302 Found", "Location: http://login.hotel.example/", "Connection: close", ""), close
                )
            },
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.NOT_SMTP,
            side=Side.YOU,
            title=Text("There is no mail server on this port", "该端口上的服务不是邮件服务器"),
            first=Text(
                (
                    "Use the host and port for sending (SMTP), mostly 465 or 587; those for receiving (IMAP 143 and "
                    "993, POP3 110 and 995) do not work here."
                ),
                (
                    "请填发信（SMTP）的主机和端口，通常是 465 或 587；收信（IMAP 的 143、993 和 POP3 的 110、995）不"
                    "能用在这里。"
                ),
            ),
        ),
    ),
    Case(
        name="our address is on a block list",
        server=Scripted(
            script={
                Phase.GREETING: say(
                    "554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.spamhaus.org; "
                    "https://www.spamhaus.org/query/ip/203.0.113.9"
                )
            },
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.SERVICE_UNAVAILABLE,
            side=Side.NETWORK,
            title=Text("The sending IP address is on a block list", "发信 IP 在黑名单中"),
            first=Text(
                "Follow the link in the reply to see why the address is listed and how to have it removed.",
                "打开应答中的链接，查看被列入的原因和移除办法。",
            ),
        ),
    ),
    Case(
        name="too many connections at once",
        server=Scripted(
            script={Phase.GREETING: say("421 4.7.0 mail.example.com Error: too many connections from 203.0.113.9")},
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.SERVICE_UNAVAILABLE,
            side=Side.YOU,
            title=Text("Too many connections at once", "同时连接数过多"),
            first=Text("Lower the number of connections of the profile.", "减少该配置的同时连接数。"),
        ),
    ),
    Case(
        name="too many connections at once, at NetEase",
        provider="netease-163",
        server=Scripted(
            script={
                Phase.GREETING: say(
                    "421 HL:ICC 163 gzga-smtp-mta-g2-2,_____wDnL2Qa 1700000000 "
                    "http://mail.163.com/help/help_spam_16.htm?ip=203.0.113.9&hostid=smtp2"
                )
            }
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.SERVICE_UNAVAILABLE,
            side=Side.YOU,
            title=Text("NetEase 163.com Mail allows fewer connections at a time", "网易 163 邮箱限制同时连接数"),
            first=Text("Lower the number of connections of the profile.", "减少该配置的同时连接数。"),
        ),
    ),
    Case(
        name="the server is down for maintenance",
        server=Scripted(script={Phase.GREETING: say("421 4.3.2 Service shutting down for maintenance")}),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.SERVICE_UNAVAILABLE,
            side=Side.PROVIDER,
            title=Text("The server accepts no messages at the moment", "服务器暂时不接收邮件"),
            first=Text("Let the message be tried again later, unchanged.", "稍后原样重试即可。"),
        ),
    ),
    Case(
        name="a server that takes no mail",
        server=Scripted(script={Phase.GREETING: say("521 www.example.com does not accept mail")}, security=STARTTLS),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.SERVICE_UNAVAILABLE,
            side=Side.YOU,
            title=Text("This server takes no mail at all", "该服务器不接收任何邮件"),
            first=Text(
                "Check the host: use the provider’s host for sending (SMTP).",
                "检查主机名：应填服务商的发信（SMTP）主机。",
            ),
        ),
    ),
    # Silence
    Case(
        name="a server that never greets",
        server=Scripted(script={Phase.GREETING: hang}),
        deadlines={"greeting": 1},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.DEADLINE_EXCEEDED,
            side=Side.YOU,
            title=Text("Something answers there, and no mail server speaks", "对方已接通，但没有邮件服务器应答"),
            first=Text(
                (
                    "Check host and port: they must be those for sending (SMTP), mostly 465 with SSL/TLS or 587 with "
                    "STARTTLS."
                ),
                "检查主机和端口：必须是发信（SMTP）用的，通常是 465（SSL/TLS）或 587（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="a server that greets letter by letter",
        server=Scripted(script={Phase.GREETING: drip(b"220-more\r\n", every=0.2)}),
        deadlines={"greeting": 1},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.DEADLINE_EXCEEDED,
            side=Side.YOU,
            title=Text("Something answers there, and no mail server speaks", "对方已接通，但没有邮件服务器应答"),
            first=Text(
                (
                    "Check host and port: they must be those for sending (SMTP), mostly 465 with SSL/TLS or 587 with "
                    "STARTTLS."
                ),
                "检查主机和端口：必须是发信（SMTP）用的，通常是 465（SSL/TLS）或 587（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="a server that never answers EHLO",
        server=Scripted(script={Phase.EHLO: hang}),
        deadlines={"ehlo": 1},
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.DEADLINE_EXCEEDED,
            side=Side.YOU,
            title=Text("Something answers there, and no mail server speaks", "对方已接通，但没有邮件服务器应答"),
            first=Text(
                (
                    "Check host and port: they must be those for sending (SMTP), mostly 465 with SSL/TLS or 587 with "
                    "STARTTLS."
                ),
                "检查主机和端口：必须是发信（SMTP）用的，通常是 465（SSL/TLS）或 587（STARTTLS）。",
            ),
        ),
    ),
    Case(
        name="a server that does not complete TLS",
        server=Scripted(script={Phase.HANDSHAKE: hang}),
        deadlines={"tls": 1},
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.DEADLINE_EXCEEDED,
            side=Side.NETWORK,
            title=Text("The server does not answer when encryption begins", "开始加密时服务器没有响应"),
            first=Text(
                "Check port and encryption: 465 is SSL/TLS, 587 is STARTTLS.",
                "核对端口和加密方式：465 用 SSL/TLS，587 用 STARTTLS。",
            ),
        ),
    ),
    Case(
        name="a server that hangs up at once",
        server=Scripted(script={Phase.GREETING: close}, security=STARTTLS),
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
        name="a connection that is reset at once",
        # After a moment: a reset that comes in before we have looked is a connection that never was.
        server=Scripted(script={Phase.GREETING: then(pause(0.3), reset)}, security=STARTTLS),
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
        name="a server that hangs up instead of beginning TLS",
        server=Scripted(script={Phase.HANDSHAKE: close}),
        verdict=Verdict(
            stage=Stage.TLS,
            cause=Cause.CONNECTION_CLOSED,
            side=Side.PROVIDER,
            title=Text("The server hung up while encryption was being set up", "服务器在建立加密时断开了连接"),
            first=Text(
                "Check port and encryption: 465 is SSL/TLS, 587 is STARTTLS.",
                "核对端口和加密方式：465 用 SSL/TLS，587 用 STARTTLS。",
            ),
        ),
    ),
    Case(
        name="a server that does not like our name",
        server=Scripted(
            script={Phase.EHLO: say("501 5.5.2 <[172.18.0.4]>: Helo command rejected: Invalid name")}, security=STARTTLS
        ),
        verdict=Verdict(
            stage=Stage.EHLO,
            cause=Cause.EHLO_REFUSED,
            side=Side.YOU,
            title=Text("The server does not accept this machine’s name", "服务器不接受本机报告的名称"),
            first=Text(
                "Set the EHLO name of the profile to a real domain name of yours.",
                "在配置中把 EHLO 名称设为您的真实域名。",
            ),
        ),
    ),
)
