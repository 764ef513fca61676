"""Signing in: the wrong kind of password at each provider, and servers that offer no way, or refuse everybody."""

from smtpadmin.providers import Side, Text
from smtpadmin.smtp import Cause, Security, Stage
from tests.diagnosis.model import Case, Exim, Postfix, Scripted, Verdict
from tests.support.behaviours import Behaviour, close, ehlo, hang, raw, say, take_credential, then
from tests.support.hostile import Phase
from tests.support.peer import Peer

STARTTLS = Security.STARTTLS


def _take(peer: Peer) -> None:
    take_credential(peer)


def refusing(*lines: str) -> Scripted:
    """A server that takes the credential and answers with these lines."""
    return Scripted(script={Phase.AUTH: then(_take, say(*lines))})


def offering(*extensions: str) -> Behaviour:
    return ehlo("8BITMIME", "SIZE 35882577", *extensions)


CASES = (
    # The wrong kind of password
    Case(
        name="Gmail with the password of the account",
        provider="gmail",
        server=refusing(
            "535-5.7.8 Username and Password not accepted. For more information, go to",
            "535 5.7.8  https://support.google.com/mail/?p=BadCredentials d9-20020a05651c0889b0029d45e0b6f5sm0 - gsmtp",
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Gmail refused the sign-in: it wants the app password", "Gmail 拒绝了登录：需要填写应用专用密码"
            ),
            first=Text(
                (
                    "Create a new app password at myaccount.google.com/apppasswords; 2-Step Verification has to be "
                    "on for that."
                ),
                "在 myaccount.google.com/apppasswords 生成新的应用专用密码；需要先开启两步验证。",
            ),
        ),
        link="https://support.google.com/accounts/answer/185833",
    ),
    Case(
        name="Gmail with the password of an account with two-factor sign-in",
        provider="gmail",
        server=refusing(
            "534-5.7.9 Application-specific password required. For more information, go to",
            "534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor d9-20020a05651c - gsmtp",
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Gmail wants the app password instead of the account password",
                "Gmail 要求使用应用专用密码，而不是账号密码",
            ),
            first=Text(
                "Create a new app password at myaccount.google.com/apppasswords and enter it here.",
                "在 myaccount.google.com/apppasswords 生成新的应用专用密码，并填到这里。",
            ),
        ),
        link="https://support.google.com/accounts/answer/185833",
    ),
    Case(
        name="Gmail wants the sign-in confirmed in a browser",
        provider="gmail",
        server=refusing(
            "534-5.7.14 <https://accounts.google.com/signin/continue?sarp=1&scc=1> Please",
            "534-5.7.14 log in via your web browser and then try again.",
            "534 5.7.14  https://support.google.com/mail/answer/78754 - gsmtp",
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text("Gmail wants you to sign in with a browser first", "Gmail 要求先在浏览器中登录确认"),
            first=Text(
                "Sign in to the account in a web browser and confirm the security alert.",
                "在浏览器中登录该账号，并确认安全提醒。",
            ),
        ),
        link="https://support.google.com/accounts/answer/185833",
    ),
    Case(
        name="QQ Mail with the QQ password",
        provider="qq",
        server=refusing(
            "535 Login fail. Please enter your authorization code to login. More information in "
            "https://service.mail.qq.com/detail/0/53"
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "QQ Mail refused the sign-in: it wants the authorization code", "QQ 邮箱拒绝了登录：需要填写授权码"
            ),
            first=Text(
                "Make a new authorization code in the mailbox settings and enter it instead of the password.",
                "在邮箱设置中生成新的授权码，用它代替密码。",
            ),
        ),
        link="https://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256",
    ),
    Case(
        name="QQ Mail with the QQ password, in its old character set",
        provider="qq",
        server=Scripted(
            script={
                Phase.AUTH: then(
                    _take,
                    raw(
                        "535 Error: 请使用授权码登录。详情请看: "
                        "http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256\r\n".encode("gbk")
                    ),
                )
            }
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "QQ Mail refused the sign-in: it wants the authorization code", "QQ 邮箱拒绝了登录：需要填写授权码"
            ),
            first=Text(
                "Make a new authorization code in the mailbox settings and enter it instead of the password.",
                "在邮箱设置中生成新的授权码，用它代替密码。",
            ),
        ),
        link="https://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256",
    ),
    Case(
        name="QQ Mail with SMTP switched off",
        provider="qq",
        server=refusing(
            "535 Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, "
            "or system is busy. More information in https://help.mail.qq.com/detail/108/1023"
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "QQ Mail refused the sign-in: SMTP may be off, or the authorization code is wrong",
                "QQ 邮箱拒绝了登录：SMTP 服务可能未开启，或授权码有误",
            ),
            first=Text(
                "Check in the mailbox settings that the IMAP/SMTP service is on.",
                "在邮箱设置中确认 IMAP/SMTP 服务已开启。",
            ),
        ),
        link="https://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256",
    ),
    Case(
        name="163.com with the password of the account",
        provider="netease-163",
        server=refusing("535 Error: authentication failed"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "NetEase 163.com Mail refused the sign-in: it wants the authorization code",
                "网易 163 邮箱拒绝了登录：需要填写授权码",
            ),
            first=Text(
                "Make a new authorization code under Settings > POP3/SMTP/IMAP and enter it here.",
                "在“设置 > POP3/SMTP/IMAP”中新增授权码，并填到这里。",
            ),
        ),
        link=(
            "https://help.mail.163.com/faqDetail.do?"
            "code=d7a5dc8471cd0c0e8b4b8f4f8e49998b374173cfe9171305fa1ce630d7f67ac2c9926ce59ec02fa9"
        ),
    ),
    Case(
        name="163.com with SMTP switched off",
        provider="netease-163",
        server=refusing("550 User has no permission"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "NetEase 163.com Mail does not let this mailbox send through programs",
                "网易 163 邮箱不允许该邮箱通过客户端发信",
            ),
            first=Text(
                "Turn on the IMAP/SMTP service in the mailbox settings and make a new authorization code.",
                "在邮箱设置中开启 IMAP/SMTP 服务，并新增授权码。",
            ),
        ),
        link=(
            "https://help.mail.163.com/faqDetail.do?"
            "code=d7a5dc8471cd0c0e8b4b8f4f8e49998b374173cfe9171305fa1ce630d7f67ac2c9926ce59ec02fa9"
        ),
    ),
    Case(
        name="163.com after too many wrong passwords",
        provider="netease-163",
        server=refusing("451 Requested mail action not taken: too much fail authentication"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_DEFERRED,
            side=Side.YOU,
            title=Text(
                "NetEase 163.com Mail locked the sign-in after too many failures",
                "网易 163 邮箱因多次登录失败而暂时锁定",
            ),
            first=Text("Stop trying for half an hour.", "半小时内不要再尝试。"),
        ),
        link=(
            "https://help.mail.163.com/faqDetail.do?"
            "code=d7a5dc8471cd0c0e8b4b8f4f8e49998b374173cfe9171305fa1ce630d7f67ac2c9926ce59ec02fa9"
        ),
    ),
    Case(
        name="the enterprise mail of Aliyun with the password of the mailbox",
        provider="aliyun-qiye",
        server=refusing("526 Authentication failure[0]"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Alibaba Mail (enterprise) refused the sign-in: it wants the client security password",
                "阿里企业邮箱拒绝了登录：需要填写三方客户端安全密码",
            ),
            first=Text(
                "Make the client security password in the web mail and enter it here.",
                "在网页版邮箱中生成三方客户端安全密码，并填到这里。",
            ),
        ),
        link="https://help.aliyun.com/zh/document_detail/36687.html",
    ),
    Case(
        name="the enterprise mail of Aliyun with programs switched off",
        provider="aliyun-qiye",
        server=refusing("535 UC_LOGIN_SOURCE_NOT_ALLOWED"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Alibaba Mail (enterprise) does not let programs sign in to this account",
                "阿里企业邮箱不允许客户端登录该账号",
            ),
            first=Text(
                "Ask the administrator to allow third-party clients and SMTP for the account.",
                "请管理员为该账号开启三方客户端和 SMTP。",
            ),
        ),
        link="https://help.aliyun.com/zh/document_detail/36687.html",
    ),
    Case(
        name="Aliyun DirectMail with the password of the account",
        provider="aliyun-directmail",
        server=refusing("535 Authentication failure[0]"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Alibaba Cloud DirectMail refused the sign-in: it wants the SMTP password",
                "阿里云邮件推送拒绝了登录：需要填写 SMTP 密码",
            ),
            first=Text(
                "Set the SMTP password of this sender address in the console and enter it here.",
                "在控制台为该发信地址设置 SMTP 密码，并填到这里。",
            ),
        ),
        link="https://www.alibabacloud.com/help/en/direct-mail/smtp-endpoints",
    ),
    Case(
        name="Tencent SES with the secret of the API",
        provider="tencent-ses",
        server=refusing("535 5.7.8 Error: authentication failed"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Tencent Cloud SES refused the sign-in: it wants the SMTP password",
                "腾讯云邮件推送拒绝了登录：需要填写 SMTP 密码",
            ),
            first=Text(
                (
                    "Make a new SMTP password where the provider keeps it, and enter it instead of the one that was "
                    "refused."
                ),
                "在服务商处重新生成 SMTP 密码，用它替换被拒绝的密码。",
            ),
        ),
        link="https://cloud.tencent.com/document/product/1288/65720",
    ),
    Case(
        name="iCloud with the password of the Apple account",
        provider="icloud",
        server=Scripted(
            script={Phase.AUTH: then(_take, say("535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6"))},
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "iCloud Mail refused the sign-in: it wants the app-specific password",
                "iCloud 邮件拒绝了登录：需要填写 App 专用密码",
            ),
            first=Text(
                "Make a new app-specific password in the account settings; two-step sign-in often has to be on before.",
                "在账号设置中生成新的 App 专用密码；通常需要先开启两步验证。",
            ),
        ),
        link="https://support.apple.com/en-us/102525",
    ),
    Case(
        name="Yahoo with the password of the account",
        provider="yahoo",
        server=refusing("535 5.7.0 (#AUTH005) Too many bad auth attempts."),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text("Yahoo Mail locked the sign-in after too many failures", "雅虎邮箱因多次登录失败而暂时锁定"),
            first=Text("Wait an hour.", "等待一小时。"),
        ),
        link="https://help.yahoo.com/kb/SLN15241.html",
    ),
    Case(
        name="Outlook.com, where passwords are switched off",
        provider="outlook",
        server=Scripted(
            script={
                Phase.AUTH: then(
                    _take,
                    say(
                        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. "
                        "[LO4P123CA0123.GBRP123.PROD.OUTLOOK.COM 2026-11-21T10:00:00.000Z 08DE0000]"
                    ),
                )
            },
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Outlook.com / Hotmail / Live / MSN refused the sign-in: it takes no password at all",
                "Outlook.com / Hotmail / Live / MSN 邮箱拒绝了登录：它不接受任何密码",
            ),
            first=Text(
                (
                    "This mailbox cannot be used with a password. Choose another provider for sending, for example a "
                    "mailbox with app passwords or a transactional service."
                ),
                "该邮箱无法用密码发信。请换用其他服务商，例如支持应用专用密码的邮箱或事务邮件服务。",
            ),
        ),
        link=(
            "https://support.microsoft.com/en-us/office/pop-imap-and-smtp-settings-for-outlook-com-d088b986-291d-42b8-9564-9c414e2aa040"
        ),
    ),
    Case(
        name="Outlook.com offers OAuth2 alone",
        provider="outlook",
        server=Scripted(script={Phase.EHLO: offering("AUTH XOAUTH2")}, security=STARTTLS),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_MECHANISM,
            side=Side.YOU,
            title=Text(
                "Outlook.com / Hotmail / Live / MSN refused the sign-in: it takes no password at all",
                "Outlook.com / Hotmail / Live / MSN 邮箱拒绝了登录：它不接受任何密码",
            ),
            first=Text(
                (
                    "This mailbox cannot be used with a password. Choose another provider for sending, for example a "
                    "mailbox with app passwords or a transactional service."
                ),
                "该邮箱无法用密码发信。请换用其他服务商，例如支持应用专用密码的邮箱或事务邮件服务。",
            ),
        ),
        link=(
            "https://support.microsoft.com/en-us/office/pop-imap-and-smtp-settings-for-outlook-com-d088b986-291d-42b8-9564-9c414e2aa040"
        ),
    ),
    Case(
        name="Microsoft 365, switched off for the whole organisation",
        provider="microsoft365",
        server=Scripted(
            script={
                Phase.AUTH: then(
                    _take,
                    say(
                        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
                        "Visit https://aka.ms/smtp_auth_disabled for more information. [AM0PR10CA0012]"
                    ),
                )
            },
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Microsoft 365 (Exchange Online): sending by SMTP is off for your whole organisation",
                "Microsoft 365（Exchange Online）：贵组织已停用 SMTP 发信",
            ),
            first=Text(
                (
                    "Administrator: enable “Authenticated SMTP” for this mailbox only (Admin center > user > Mail > "
                    "Manage email apps)."
                ),
                "管理员：只为该邮箱启用“经过身份验证的 SMTP”（管理中心 > 用户 > 邮件 > 管理电子邮件应用）。",
            ),
        ),
        link=(
            "https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/how-to-set-up-a-multifunction-device-or-application-to-send-email-using-microsoft-365-or-office-365"
        ),
    ),
    Case(
        name="Microsoft 365 with a wrong password",
        provider="microsoft365",
        server=Scripted(
            script={
                Phase.AUTH: then(
                    _take,
                    say(
                        "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. "
                        "[AM0PR10CA0012.EURPRD10.PROD.OUTLOOK.COM]"
                    ),
                )
            },
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Microsoft 365 (Exchange Online) refused the sign-in: the password is wrong",
                "Microsoft 365（Exchange Online）拒绝了登录：密码错误",
            ),
            first=Text(
                "Sign in to Outlook on the web with the same user name and password to check them.",
                "用同一用户名和密码登录 Outlook 网页版，确认其正确。",
            ),
        ),
        link=(
            "https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/how-to-set-up-a-multifunction-device-or-application-to-send-email-using-microsoft-365-or-office-365"
        ),
    ),
    Case(
        name="SendGrid with the user name and password of the account",
        provider="sendgrid",
        server=refusing("535 Authentication failed: Bad username / password"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Twilio SendGrid refused the sign-in: it wants the API key",
                "Twilio SendGrid 拒绝了登录：需要填写 API 密钥",
            ),
            first=Text("Enter apikey as user name, exactly so.", "用户名填 apikey，一字不差。"),
        ),
        link="https://www.twilio.com/docs/sendgrid/for-developers/sending-email/integrating-with-the-smtp-api",
    ),
    Case(
        name="Amazon SES with AWS access keys",
        provider="amazon-ses",
        server=refusing("535 Authentication Credentials Invalid"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Amazon SES refused the sign-in: it wants the SMTP password",
                "Amazon SES（亚马逊）拒绝了登录：需要填写 SMTP 密码",
            ),
            first=Text(
                "Create SMTP credentials in the SES console of this region.", "在该区域的 SES 控制台创建 SMTP 凭证。"
            ),
        ),
        link="https://docs.aws.amazon.com/ses/latest/dg/smtp-connect.html",
    ),
    Case(
        name="Mailgun with the API key",
        provider="mailgun",
        server=refusing("535 5.7.0 Invalid login or password"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Mailgun (US) refused the sign-in: it wants the SMTP password",
                "Mailgun（美国）拒绝了登录：需要填写 SMTP 密码",
            ),
            first=Text(
                (
                    "Reset the SMTP password of the domain’s user under Domain settings > SMTP credentials and enter "
                    "it here."
                ),
                "在“Domain settings > SMTP credentials”中重置该用户的 SMTP 密码，并填到这里。",
            ),
        ),
        link="https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/send-smtp",
    ),
    Case(
        name="Zoho with the host of another data centre",
        provider="zoho",
        server=refusing("535 Authentication Failed"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Zoho Mail refused the sign-in: wrong host or kind of password",
                "Zoho 邮箱拒绝了登录：主机或密码类型不对",
            ),
            first=Text(
                (
                    "Look at the address of your web mail: its ending (.com, .eu, .in, .com.cn ...) is that of the "
                    "right host."
                ),
                "查看网页版邮箱的网址：其后缀（.com、.eu、.in、.com.cn 等）就是正确主机的后缀。",
            ),
        ),
        link="https://www.zoho.com/mail/help/zoho-smtp.html",
    ),
    Case(
        name="Yandex with the password of the account",
        provider="yandex",
        server=refusing(
            "535 5.7.8 Error: authentication failed: This user does not have access rights to this service"
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Yandex Mail / Yandex 360 does not let programs sign in to this mailbox",
                "Yandex 邮箱 / Yandex 360 不允许客户端登录该邮箱",
            ),
            first=Text(
                "Open Settings > Email clients in the web mail and allow access with app passwords.",
                "在网页版邮箱打开“设置 > 邮件客户端”，允许使用应用专用密码访问。",
            ),
        ),
        link="https://yandex.com/support/mail/mail-clients/others.html",
    ),
    Case(
        name="Brevo with the API key",
        provider="brevo",
        server=refusing("535 5.7.8 Authentication failed"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Brevo (formerly Sendinblue) refused the sign-in: it wants the SMTP key",
                "Brevo（原 Sendinblue）拒绝了登录：需要填写 SMTP 密钥",
            ),
            first=Text(
                "Make a new SMTP key where the provider keeps it, and enter it instead of the one that was refused.",
                "在服务商处重新生成 SMTP 密钥，用它替换被拒绝的密码。",
            ),
        ),
        link="https://developers.brevo.com/docs/smtp-integration",
    ),
    Case(
        name="Postmark with the password of the account",
        provider="postmark",
        server=Scripted(
            script={Phase.AUTH: then(_take, say("535 5.7.8 Error: authentication failed"))}, security=STARTTLS
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Postmark refused the sign-in: it wants the server API token",
                "Postmark 拒绝了登录：需要填写 Server API 令牌",
            ),
            first=Text(
                "Check in the console that the server API token still exists; make a new one if in doubt.",
                "在控制台确认 Server API 令牌仍然有效；如有疑问，请重新创建。",
            ),
        ),
        link="https://postmarkapp.com/support/article/811-what-are-the-smtp-details-api-tokens-i-should-be-using",
    ),
    Case(
        name="a sign-in at a local server that knows no users",
        provider="localhost-postfix",
        server=Scripted(
            script={Phase.AUTH: then(_take, say("535 5.7.8 Error: authentication failed"))}, security=Security.NONE
        ),
        profile={"host": "localhost"},
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "Local mail server (Postfix, Exim, sendmail) refused the sign-in: it normally needs none",
                "本机邮件服务器（Postfix、Exim、sendmail）拒绝了登录：它通常无需登录",
            ),
            first=Text("Leave user name and password empty.", "把用户名和密码留空。"),
        ),
        link="https://www.postfix.org/TLS_README.html",
    ),
    # Real servers
    Case(
        name="a wrong password at Postfix",
        server=Postfix(),
        password="wrong",
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text("The server refused the sign-in", "服务器拒绝了登录"),
            first=Text(
                "Check the user name: most providers want the full e-mail address.",
                "检查用户名：多数服务商要求填完整邮箱地址。",
            ),
        ),
    ),
    Case(
        name="a wrong password at Exim",
        server=Exim(),
        password="wrong",
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text("The server refused the sign-in", "服务器拒绝了登录"),
            first=Text(
                "Check the user name: most providers want the full e-mail address.",
                "检查用户名：多数服务商要求填完整邮箱地址。",
            ),
        ),
    ),
    Case(
        name="a user that Postfix does not know",
        server=Postfix(security=Security.IMPLICIT_TLS),
        profile={"username": "nobody"},
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text("The server refused the sign-in", "服务器拒绝了登录"),
            first=Text(
                "Check the user name: most providers want the full e-mail address.",
                "检查用户名：多数服务商要求填完整邮箱地址。",
            ),
        ),
    ),
    Case(
        name="Postfix signs in after TLS only",
        server=Postfix(),
        profile={"security": "none"},
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_NOT_OFFERED,
            side=Side.YOU,
            title=Text("The server offers no sign-in here", "服务器在此处不提供登录"),
            first=Text(
                "Use port 465 with SSL/TLS or 587 with STARTTLS; port 25 often has no sign-in.",
                "使用 465 端口的 SSL/TLS 或 587 端口的 STARTTLS；25 端口往往不提供登录。",
            ),
        ),
    ),
    Case(
        name="Exim signs in after TLS only",
        server=Exim(),
        profile={"security": "none"},
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_NOT_OFFERED,
            side=Side.YOU,
            title=Text("The server offers no sign-in here", "服务器在此处不提供登录"),
            first=Text(
                "Use port 465 with SSL/TLS or 587 with STARTTLS; port 25 often has no sign-in.",
                "使用 465 端口的 SSL/TLS 或 587 端口的 STARTTLS；25 端口往往不提供登录。",
            ),
        ),
    ),
    # The way of signing in
    Case(
        name="a server that offers no sign-in",
        server=Scripted(script={Phase.EHLO: ehlo("8BITMIME", "SIZE 35882577")}),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_NOT_OFFERED,
            side=Side.YOU,
            title=Text("The server offers no sign-in here", "服务器在此处不提供登录"),
            first=Text(
                "Use port 465 with SSL/TLS or 587 with STARTTLS; port 25 often has no sign-in.",
                "使用 465 端口的 SSL/TLS 或 587 端口的 STARTTLS；25 端口往往不提供登录。",
            ),
        ),
    ),
    Case(
        name="a server with CRAM-MD5 alone",
        server=Scripted(script={Phase.EHLO: offering("AUTH CRAM-MD5")}),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_MECHANISM,
            side=Side.YOU,
            title=Text("No common way to sign in", "没有双方都支持的登录方式"),
            first=Text(
                "If the sign-in method of the profile is not “Automatic”, set it to that.",
                "如果该配置的登录方式不是“自动”，请改为“自动”。",
            ),
        ),
    ),
    Case(
        name="a server that wants encryption for the sign-in and says so",
        server=Scripted(
            script={Phase.AUTH: say("538 5.7.11 Encryption required for requested authentication mechanism")},
            security=Security.NONE,
        ),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_NEEDS_TLS,
            side=Side.YOU,
            title=Text("Signing in needs encryption", "登录需要加密"),
            first=Text(
                "Set the encryption to SSL/TLS on port 465 or STARTTLS on port 587.",
                "把加密方式设为 SSL/TLS（465 端口）或 STARTTLS（587 端口）。",
            ),
        ),
    ),
    Case(
        name="a server that lists a method and does not know it",
        server=Scripted(script={Phase.AUTH: say("504 5.7.4 Unrecognized authentication type")}),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_MECHANISM,
            side=Side.YOU,
            title=Text("No common way to sign in", "没有双方都支持的登录方式"),
            first=Text(
                "If the sign-in method of the profile is not “Automatic”, set it to that.",
                "如果该配置的登录方式不是“自动”，请改为“自动”。",
            ),
        ),
    ),
    Case(
        name="a user name without a password",
        password="",
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.PASSWORD_MISSING,
            side=Side.YOU,
            title=Text("There is no password for this sign-in", "尚未填写登录密码"),
            first=Text("Enter the password in the profile.", "在配置中填写密码。"),
        ),
    ),
    # The account
    Case(
        name="an account that is switched off",
        server=refusing("525 5.7.13 User account disabled"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text("The server has switched this account off", "服务器已停用该账号"),
            first=Text(
                "Sign in to the provider’s site and look for a notice about the account.",
                "登录服务商网站，查看账号是否有停用通知。",
            ),
        ),
    ),
    Case(
        name="an account that is switched off, in words",
        server=refusing("535 5.7.8 Error: authentication failed: user account disabled"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text("The server has switched this account off", "服务器已停用该账号"),
            first=Text(
                "Sign in to the provider’s site and look for a notice about the account.",
                "登录服务商网站，查看账号是否有停用通知。",
            ),
        ),
    ),
    Case(
        name="a password that must be changed",
        server=refusing("432 4.7.12 A password transition is needed"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_DEFERRED,
            side=Side.YOU,
            title=Text("The password must be changed first", "需要先修改密码"),
            first=Text(
                "Sign in to the web mail, change the password, and enter the new one here.",
                "登录网页版邮箱修改密码，再把新密码填到这里。",
            ),
        ),
    ),
    Case(
        name="a server that cannot check passwords",
        server=refusing("454 4.7.0 Temporary authentication failure: Connection lost to authentication server"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_DEFERRED,
            side=Side.PROVIDER,
            title=Text("The server cannot check the sign-in at the moment", "服务器暂时无法验证登录"),
            first=Text("Wait a quarter of an hour, then try again.", "等待十五分钟后再试。"),
        ),
    ),
    Case(
        name="SendGrid without credits",
        provider="sendgrid",
        server=refusing("451 Authentication failed: Maximum credits exceeded"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_DEFERRED,
            side=Side.YOU,
            title=Text("Twilio SendGrid: the plan’s credits are used up", "Twilio SendGrid：套餐额度已用完"),
            first=Text("Look at the plan and its usage in the console.", "在控制台查看套餐及用量。"),
        ),
        link="https://www.twilio.com/docs/sendgrid/for-developers/sending-email/integrating-with-the-smtp-api",
    ),
    Case(
        name="NetEase's enterprise mail allows other addresses only",
        provider="netease-qiye",
        server=refusing("550 Error: ERR.LOGIN.IPDENY"),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.AUTH_REFUSED,
            side=Side.YOU,
            title=Text(
                "NetEase Enterprise Mail refuses sign-ins from this server’s address",
                "网易企业邮箱拒绝来自本服务器 IP 的登录",
            ),
            first=Text(
                "Ask your mail administrator to allow this server’s public IP address.",
                "请邮箱管理员放行本服务器的公网 IP。",
            ),
        ),
        link="https://www.topmailsender.com/en/youxiang/204-wangyi-qiyeyouxiang-netease-enterprise-mailbox",
    ),
    Case(
        name="a server that hangs up at a wrong password",
        server=Scripted(script={Phase.AUTH: then(_take, close)}),
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.CONNECTION_CLOSED,
            side=Side.YOU,
            title=Text("The server hung up during the sign-in", "服务器在登录过程中断开了连接"),
            first=Text(
                "Check user name and password, and what kind of password the provider wants.",
                "检查用户名和密码，并确认服务商要求哪一种密码。",
            ),
        ),
    ),
    Case(
        name="a server that lets us wait after a wrong password",
        server=Scripted(script={Phase.AUTH: then(_take, hang)}),
        deadlines={"auth": 1},
        verdict=Verdict(
            stage=Stage.AUTH,
            cause=Cause.DEADLINE_EXCEEDED,
            side=Side.YOU,
            title=Text("The server does not answer the sign-in", "服务器没有回应登录请求"),
            first=Text(
                "Check user name and password, and what kind of password the provider wants.",
                "检查用户名和密码，并确认服务商要求哪一种密码。",
            ),
        ),
    ),
)
