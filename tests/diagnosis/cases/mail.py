"""The message: its sender, its recipient, its size and content, and how much may be sent."""

from smtpadmin.providers import Side, Text
from smtpadmin.smtp import Cause, Security, Stage
from tests.diagnosis.model import Case, Exim, Postfix, Scripted, Verdict
from tests.support.behaviours import close, ehlo, hang, say
from tests.support.hostile import Phase
from tests.support.real_servers import FOREIGN_RECIPIENT, UNKNOWN_RECIPIENT

PLAIN = Security.NONE
STARTTLS = Security.STARTTLS
OTHER = "ceo@example.com"


def answering(phase: Phase, *lines: str, security: Security = Security.IMPLICIT_TLS) -> Scripted:
    return Scripted(script={phase: say(*lines)}, security=security)


CASES = (
    # The sender
    Case(
        name="a From that is another's, at Postfix",
        server=Postfix(),
        profile={"from_address": OTHER},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text("The server refused the sender address", "服务器拒绝了发件地址"),
            first=Text(
                "Use the address you sign in with as From, or an address verified with the provider.",
                "使用登录所用的地址作为发件地址，或使用已在服务商处验证的地址。",
            ),
        ),
    ),
    Case(
        name="a From that is another's, at Exim",
        server=Exim(),
        profile={"from_address": OTHER},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text("The server refused the sender address", "服务器拒绝了发件地址"),
            first=Text(
                "Use the address you sign in with as From, or an address verified with the provider.",
                "使用登录所用的地址作为发件地址，或使用已在服务商处验证的地址。",
            ),
        ),
    ),
    Case(
        name="a From that is another's, at QQ Mail",
        provider="qq",
        server=answering(Phase.MAIL, "501 mail from address must be same as authorization user"),
        profile={"from_address": OTHER},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text("QQ Mail wants the sign-in address as sender", "QQ 邮箱要求发件地址与登录账号一致"),
            first=Text("Set From to the address you sign in with.", "把发件地址改为登录所用的邮箱地址。"),
        ),
    ),
    Case(
        name="a From that is another's, at 163.com",
        provider="netease-163",
        server=answering(Phase.MAIL, "553 Mail from must equal authorized user"),
        profile={"from_address": OTHER},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text(
                "NetEase 163.com Mail wants the sign-in address as sender", "网易 163 邮箱要求发件地址与登录账号一致"
            ),
            first=Text("Set From to the address you sign in with.", "把发件地址改为登录所用的邮箱地址。"),
        ),
    ),
    Case(
        name="a From that is another's, at the enterprise mail of Aliyun",
        provider="aliyun-qiye",
        server=answering(
            Phase.MAIL,
            "440 mail from account doesn't conform with authentication "
            "(Auth Account:notify@example.com|Mail Account:ceo@example.com)",
        ),
        profile={"from_address": OTHER},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_DEFERRED,
            side=Side.YOU,
            title=Text(
                "Alibaba Mail (enterprise) wants the sign-in address as sender",
                "阿里企业邮箱要求发件地址与登录账号一致",
            ),
            first=Text("Set From to the address you sign in with.", "把发件地址改为登录所用的邮箱地址。"),
        ),
    ),
    Case(
        name="a From that is another's, at Microsoft 365",
        provider="microsoft365",
        server=answering(
            Phase.DOT,
            "554 5.2.252 SendAsDenied; notify@example.com not allowed to send as ceo@example.com; "
            "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
            security=STARTTLS,
        ),
        profile={"from_address": OTHER},
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text(
                "Microsoft 365 (Exchange Online) does not let this login use the From address",
                "Microsoft 365（Exchange Online）不允许该账号使用此发件地址",
            ),
            first=Text("Use the mailbox’s own address as From.", "使用该邮箱自己的地址作为发件地址。"),
        ),
    ),
    Case(
        name="a From that is another's, at Zoho",
        provider="zoho",
        server=answering(Phase.MAIL, "553 Relaying disallowed as ceo@example.com"),
        profile={"from_address": OTHER},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text("Zoho Mail does not let this login use the From address", "Zoho 邮箱不允许该账号使用此发件地址"),
            first=Text(
                "Use the mailbox address or one of its aliases as From.", "使用该邮箱地址或其别名作为发件地址。"
            ),
        ),
    ),
    Case(
        name="a From that SendGrid has not verified",
        provider="sendgrid",
        server=answering(
            Phase.DOT,
            "550 The from address does not match a verified Sender Identity. Mail cannot be sent until this error is "
            "resolved. Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/",
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("Twilio SendGrid has not verified the From address", "Twilio SendGrid 尚未验证发件地址"),
            first=Text(
                "Verify the domain or the single sender under Settings > Sender Authentication.",
                "在“Settings > Sender Authentication”中验证域名或单个发件人。",
            ),
        ),
    ),
    Case(
        name="a From that Amazon SES has not verified",
        provider="amazon-ses",
        server=answering(
            Phase.DOT,
            "554 Message rejected: Email address is not verified. The following identities failed the check in region "
            "US-EAST-1: notify@example.com",
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("Amazon SES has not verified an address", "Amazon SES（亚马逊）尚未验证某个地址"),
            first=Text(
                "Verify the address or its domain in the SES console of the same region.",
                "在同一区域的 SES 控制台验证该地址或其域名。",
            ),
        ),
    ),
    Case(
        name="a From in a domain that does not exist",
        server=answering(
            Phase.MAIL,
            "450 4.1.8 <notify@exmaple.com>: Sender address rejected: Domain not found",
            security=STARTTLS,
        ),
        profile={"from_address": "notify@exmaple.com"},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_DEFERRED,
            side=Side.YOU,
            title=Text("The sender’s domain is not accepted", "发件域名不被接受"),
            first=Text(
                "Use a From address in a real domain of yours that can receive mail.",
                "发件地址请使用您自己的、真实且能收信的域名。",
            ),
        ),
    ),
    # Relaying
    Case(
        name="Postfix relays for nobody",
        server=Postfix(),
        recipient=FOREIGN_RECIPIENT,
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.YOU,
            title=Text("The server does not relay for you", "服务器不为您转发邮件"),
            first=Text(
                "If user name and password in the profile are empty, fill them in.",
                "如果配置中的用户名和密码为空，请填写。",
            ),
        ),
    ),
    Case(
        name="Exim relays for nobody",
        server=Exim(),
        recipient=FOREIGN_RECIPIENT,
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.YOU,
            title=Text("The server does not relay for you", "服务器不为您转发邮件"),
            first=Text(
                "If user name and password in the profile are empty, fill them in.",
                "如果配置中的用户名和密码为空，请填写。",
            ),
        ),
    ),
    Case(
        name="Postfix wants a sign-in",
        server=Postfix(),
        profile={"username": ""},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text("The server wants a sign-in first", "服务器要求先登录"),
            first=Text("Fill in user name and password in the profile.", "在配置中填写用户名和密码。"),
        ),
    ),
    Case(
        name="Exim wants a sign-in",
        server=Exim(),
        profile={"username": ""},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text("The server wants a sign-in first", "服务器要求先登录"),
            first=Text("Fill in user name and password in the profile.", "在配置中填写用户名和密码。"),
        ),
    ),
    Case(
        name="Gmail wants a sign-in",
        provider="gmail",
        server=answering(
            Phase.MAIL,
            "530-5.7.0 Authentication Required. For more information, go to",
            "530 5.7.0  https://support.google.com/mail/?p=WantAuthError d9-20020a05 - gsmtp",
        ),
        profile={"username": ""},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text("Gmail wants a sign-in first", "Gmail 要求先登录"),
            first=Text("Fill in user name and app password in the profile.", "在配置中填写用户名和应用专用密码。"),
        ),
    ),
    Case(
        name="a relay of one's own that does not know this machine",
        provider="localhost-postfix",
        server=answering(Phase.RCPT, "454 4.7.1 <you@example.org>: Relay access denied", security=PLAIN),
        profile={"host": "localhost", "username": ""},
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_DEFERRED,
            side=Side.YOU,
            title=Text("Your mail server does not relay for this machine", "您的邮件服务器不为本机转发"),
            first=Text(
                "Add the panel’s address or container network to mynetworks.",
                "把本面板的 IP 或容器网段加入 mynetworks。",
            ),
        ),
    ),
    Case(
        name="the server that receives mail in place of the one for sending",
        server=answering(
            Phase.RCPT, "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", security=STARTTLS
        ),
        profile={"username": ""},
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.YOU,
            title=Text("The server does not relay for you", "服务器不为您转发邮件"),
            first=Text(
                "If user name and password in the profile are empty, fill them in.",
                "如果配置中的用户名和密码为空，请填写。",
            ),
        ),
    ),
    Case(
        name="no encryption where it is demanded for mail",
        server=answering(Phase.MAIL, "530 5.7.0 Must issue a STARTTLS command first", security=PLAIN),
        profile={"username": ""},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_REFUSED,
            side=Side.YOU,
            title=Text("The server wants encryption first", "服务器要求先加密"),
            first=Text(
                "Set the encryption to STARTTLS on port 587, or SSL/TLS on port 465.",
                "把加密方式设为 STARTTLS（587 端口）或 SSL/TLS（465 端口）。",
            ),
        ),
    ),
    # The recipient
    Case(
        name="a recipient that Postfix does not know",
        server=Postfix(),
        recipient=UNKNOWN_RECIPIENT,
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s mailbox does not exist", "收件人邮箱不存在"),
            first=Text("Check the recipient address for typing errors.", "检查收件人地址有无拼写错误。"),
        ),
    ),
    Case(
        name="a recipient that Exim does not know",
        server=Exim(),
        recipient=UNKNOWN_RECIPIENT,
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s mailbox does not exist", "收件人邮箱不存在"),
            first=Text("Check the recipient address for typing errors.", "检查收件人地址有无拼写错误。"),
        ),
    ),
    Case(
        name="a recipient that Gmail does not know",
        server=answering(
            Phase.RCPT,
            "550-5.1.1 The email account that you tried to reach does not exist. Please try",
            "550-5.1.1 double-checking the recipient's email address for typos or",
            "550 5.1.1 unnecessary spaces. Learn more at https://support.google.com/mail/?p=NoSuchUser - gsmtp",
        ),
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s mailbox does not exist", "收件人邮箱不存在"),
            first=Text("Check the recipient address for typing errors.", "检查收件人地址有无拼写错误。"),
        ),
    ),
    Case(
        name="greylisting",
        server=answering(
            Phase.RCPT,
            "450 4.2.0 <you@example.org>: Recipient address rejected: Greylisted, see "
            "http://postgrey.schweikert.ch/help/example.org.html",
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_DEFERRED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s server makes new senders wait", "收件方服务器会推迟接收首次来信"),
            first=Text("Let the message be tried again later, unchanged.", "稍后原样重试即可。"),
        ),
    ),
    Case(
        name="greylisting without the word",
        server=answering(Phase.RCPT, "451 4.7.1 Please try again later", security=STARTTLS),
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_DEFERRED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s server wants a later try", "收件方服务器要求稍后重试"),
            first=Text("Let the message be tried again later, unchanged.", "稍后原样重试即可。"),
        ),
    ),
    Case(
        name="a full mailbox",
        server=answering(Phase.RCPT, "452 4.2.2 <you@example.org> Mailbox full"),
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_DEFERRED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s mailbox is full", "收件人邮箱已满"),
            first=Text("Ask the recipient by other means to make room.", "通过其他方式请收件人清理邮箱。"),
        ),
    ),
    Case(
        name="a full mailbox at Gmail",
        provider="gmail",
        server=answering(
            Phase.RCPT,
            "452-4.2.2 The recipient's inbox is out of storage space. Please direct the",
            "452-4.2.2 recipient to https://support.google.com/mail/?p=OverQuotaTemp",
            "452 4.2.2 d9-20020a05651c - gsmtp",
        ),
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_DEFERRED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s mailbox is full", "收件人邮箱已满"),
            first=Text("Ask the recipient by other means to make room.", "通过其他方式请收件人清理空间。"),
        ),
    ),
    Case(
        name="a mailbox that is switched off",
        server=answering(Phase.RCPT, "550 5.2.1 The email account that you tried to reach is disabled"),
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s mailbox is switched off", "收件人邮箱已停用"),
            first=Text(
                "Ask the recipient by other means whether the mailbox still exists.",
                "通过其他方式向收件人确认邮箱是否仍然有效。",
            ),
        ),
    ),
    Case(
        name="a recipient in a domain that does not exist",
        server=answering(
            Phase.RCPT, "550 5.1.2 <you@exmaple.org>: Recipient address rejected: Domain not found", security=STARTTLS
        ),
        recipient="you@exmaple.org",
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.RECIPIENT,
            title=Text("The recipient’s domain does not exist", "收件人的域名不存在"),
            first=Text("Check the spelling of the domain after the @.", "检查 @ 后面域名的拼写。"),
        ),
    ),
    Case(
        name="a recipient without a domain name that mail can use",
        recipient="you@-example.org",
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.BAD_ADDRESS,
            side=Side.YOU,
            title=Text("An address is not valid", "地址格式不正确"),
            first=Text(
                "Write addresses as name@example.com or Display Name <name@example.com>.",
                "地址请写成 name@example.com 或“显示名称 <name@example.com>”。",
            ),
        ),
    ),
    Case(
        name="a recipient with Chinese letters, and a server without SMTPUTF8",
        recipient="用户@example.org",
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.UTF8_UNSUPPORTED,
            side=Side.YOU,
            title=Text(
                "The server does not take addresses with non-ASCII characters", "服务器不支持含非 ASCII 字符的地址"
            ),
            first=Text(
                "Use an address made of plain letters, digits and dots.", "请使用由普通字母、数字和点组成的地址。"
            ),
        ),
    ),
    Case(
        name="a From with an umlaut, and a server without SMTPUTF8",
        profile={"from_address": "müller@example.com"},
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.UTF8_UNSUPPORTED,
            side=Side.YOU,
            title=Text(
                "The server does not take addresses with non-ASCII characters", "服务器不支持含非 ASCII 字符的地址"
            ),
            first=Text(
                "Use an address made of plain letters, digits and dots.", "请使用由普通字母、数字和点组成的地址。"
            ),
        ),
    ),
    # How much
    Case(
        name="Gmail's limit of the day",
        provider="gmail",
        server=answering(
            Phase.DOT,
            "550-5.4.5 Daily user sending limit exceeded. For more information on Gmail",
            "550 5.4.5 sending limits go to https://support.google.com/a/answer/166852 - gsmtp",
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("Gmail: this account’s daily limit is reached", "Gmail：该账号已达每日发信上限"),
            first=Text("Wait up to 24 hours.", "最多等待 24 小时。"),
        ),
    ),
    Case(
        name="Microsoft 365's limit",
        provider="microsoft365",
        server=answering(
            Phase.DOT,
            "554 5.2.2 mailbox full; Submission quota exceeded; STOREDRV.Submission.Exception:"
            "SubmissionQuotaExceededException",
            security=STARTTLS,
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text(
                "Microsoft 365 (Exchange Online): the sending quota is used up",
                "Microsoft 365（Exchange Online）：发信配额已用完",
            ),
            first=Text("Wait up to 24 hours.", "最多等待 24 小时。"),
        ),
    ),
    Case(
        name="the day's quota of Aliyun DirectMail",
        provider="aliyun-directmail",
        server=answering(Phase.DOT, "552 Daily sending quota exceeded"),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("Alibaba Cloud DirectMail: today’s quota is used up", "阿里云邮件推送：今日配额已用完"),
            first=Text(
                "Continue tomorrow, or apply for a higher quota in the console.",
                "请明天再继续，或在控制台申请提高配额。",
            ),
        ),
    ),
    Case(
        name="163.com's limit for a quarter of an hour",
        provider="netease-163",
        server=answering(
            Phase.MAIL,
            "451 MI:SFQ 163 smtp3,D9GowAAHh7pZ 1633707942 http://mail.163.com/help/help_spam_16.htm?ip=203.0.113.9",
        ),
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_DEFERRED,
            side=Side.YOU,
            title=Text("NetEase 163.com Mail limits this sender for 15 minutes", "网易 163 邮箱限制该发件人 15 分钟"),
            first=Text(
                "Wait 15 minutes, then continue with a lower sending rate.", "等待 15 分钟，再以较低的发送速率继续。"
            ),
        ),
    ),
    Case(
        name="Amazon SES's messages a second",
        provider="amazon-ses",
        server=answering(Phase.DOT, "454 Throttling failure: Maximum sending rate exceeded."),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_DEFERRED,
            side=Side.YOU,
            title=Text("Amazon SES limits the sending rate", "Amazon SES（亚马逊）限制了发送频率"),
            first=Text(
                "Set the profile’s rate to that of your account; in the sandbox it is 1 a second.",
                "把该配置的发送速率设为账户允许的数值；沙盒中为每秒 1 封。",
            ),
        ),
    ),
    Case(
        name="Tencent SES's messages a second",
        provider="tencent-ses",
        server=answering(
            Phase.DOT,
            "554 5.0.0 Error: transaction failed, blame it on the weather: ##SES-response-json:"
            '{"RequestId":"0b1c-78","QcloudError":{"Error":{"Code":"RequestLimitExceeded.SmtpRateLimit",'
            '"Message":"smtp sending frequency limit"}}}',
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("Tencent Cloud SES limits the sending rate", "腾讯云邮件推送限制了发送频率"),
            first=Text("Lower the sending rate of the profile and try again.", "降低该配置的发送速率后再试。"),
        ),
    ),
    Case(
        name="IONOS's limit of the hour",
        provider="ionos",
        server=answering(
            Phase.DOT,
            "450-Requested mail action not taken: mailbox unavailable",
            "450-Mail send limit exceeded.",
            "450 For explanation visit http://postmaster.1and1.com/en/error-messages?ip=203.0.113.9&c=msl",
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_DEFERRED,
            side=Side.YOU,
            title=Text("IONOS: the hourly limit is reached", "IONOS：已达每小时上限"),
            first=Text("Wait an hour.", "等待一小时。"),
        ),
    ),
    Case(
        name="a rate limit in other words",
        server=answering(Phase.MAIL, "450 4.7.1 Error: too much mail from 203.0.113.9", security=STARTTLS),
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_DEFERRED,
            side=Side.YOU,
            title=Text("Too many messages for the server at the moment", "短时间内向服务器发信过多"),
            first=Text("Let the message be tried again later, unchanged.", "稍后原样重试即可。"),
        ),
    ),
    Case(
        name="too many messages over one connection",
        server=answering(Phase.MAIL, "421 4.7.0 Too many messages in this session, closing connection"),
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SERVICE_UNAVAILABLE,
            side=Side.YOU,
            title=Text("Too many messages for the server at the moment", "短时间内向服务器发信过多"),
            first=Text("Let the message be tried again later, unchanged.", "稍后原样重试即可。"),
        ),
    ),
    # Size
    Case(
        name="a message larger than Postfix announces",
        server=Scripted(script={Phase.EHLO: ehlo("SIZE 200", "AUTH PLAIN LOGIN")}),
        send=True,
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.TOO_LARGE,
            side=Side.YOU,
            title=Text("The message is larger than the server allows", "邮件超过服务器允许的大小"),
            first=Text(
                "Make attachments smaller, or put the files on a server and send links.",
                "缩小附件，或把文件放到网上，在邮件中发送链接。",
            ),
        ),
    ),
    Case(
        name="a message larger than the server takes, found out at its end",
        server=answering(Phase.DOT, "552 5.3.4 Message size exceeds fixed limit"),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.TOO_LARGE,
            side=Side.YOU,
            title=Text("The message is too large for the server", "邮件超过服务器的大小限制"),
            first=Text(
                "Make attachments smaller, or put the files on a server and send links.",
                "缩小附件，或把文件放到网上，在邮件中发送链接。",
            ),
        ),
    ),
    Case(
        name="a message larger than the profile allows",
        profile={"max_message_bytes": 100},
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause="rule",
            side=Side.YOU,
            title=Text("This profile does not take the message", "该配置不接受这封邮件"),
            first=Text(
                "Read the reason below: it names the limit, and what to change in the message or in the profile.",
                "查看下方的原因：其中说明了限制，以及应如何修改邮件或配置。",
            ),
        ),
    ),
    # Content and trust
    Case(
        name="163.com takes it for spam",
        provider="netease-163",
        server=answering(
            Phase.DOT,
            "554 DT:SPM 163 smtp10,DsCowAB3n1qkZ2BhMw--.12S2 1633707942,please see "
            "http://mail.163.com/help/help_spam_16.htm?ip=203.0.113.9&hostid=smtp10&time=1633707942",
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("NetEase 163.com Mail took the message for spam", "网易 163 邮箱将邮件判为垃圾邮件"),
            first=Text(
                "Change subject and text: avoid test-like words and messages with only a link.",
                "修改主题和正文：避免“测试”之类的字样，也不要只发链接。",
            ),
        ),
    ),
    Case(
        name="QQ Mail denies the content",
        provider="qq",
        server=answering(
            Phase.DOT,
            "550 5.7.1 Mail content denied. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000726",
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("QQ Mail refused the content", "QQ 邮箱拒绝了邮件内容"),
            first=Text(
                "Change the wording and the links, and stop sending the same text to many people.",
                "修改措辞和链接，不要向大量收件人发送相同内容。",
            ),
        ),
    ),
    Case(
        name="Yandex suspects spam",
        provider="yandex",
        server=answering(
            Phase.DOT, "554 5.7.1 Message rejected under suspicion of SPAM; https://ya.cc/1IrBc 1633707942-abc"
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text(
                "Yandex Mail / Yandex 360 took the message for spam", "Yandex 邮箱 / Yandex 360 将邮件判为垃圾邮件"
            ),
            first=Text("Stop sending for 24 hours.", "停止发信 24 小时。"),
        ),
    ),
    Case(
        name="a filter takes it for spam",
        server=answering(Phase.DOT, "554 5.7.1 Spam message rejected"),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("The server took the message for spam", "服务器将邮件判为垃圾邮件"),
            first=Text(
                "Write a real subject and text; avoid messages that hold only a link or the word test.",
                "使用真实的主题和正文；不要只发链接或“测试”字样。",
            ),
        ),
    ),
    Case(
        name="Gmail finds no proof of the sender's domain",
        provider="google-workspace-relay",
        server=answering(
            Phase.DOT,
            "550-5.7.26 Your email has been blocked because the sender is unauthenticated.",
            "550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.",
            (
                "550 5.7.26  For instructions on setting up authentication, go to "
                "https://support.google.com/mail/answer/81126"
            ),
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text(
                "Google Workspace SMTP relay could not verify your domain",
                "Google Workspace SMTP 中继无法验证您的发件域名",
            ),
            first=Text(
                "Publish SPF and DKIM records for the From domain that cover the service you send through.",
                "为发件域名发布 SPF 和 DKIM 记录，并覆盖您所用的发信服务。",
            ),
        ),
    ),
    Case(
        name="the recipient's server refuses by SPF",
        server=answering(
            Phase.RCPT,
            "550 5.7.23 <you@example.org>: Recipient address rejected: Message rejected due to: SPF fail - not "
            "authorized. Please see http://www.openspf.net/Why",
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_REFUSED,
            side=Side.YOU,
            title=Text("SPF of the sender’s domain does not allow this server", "发件域名的 SPF 不允许该服务器发信"),
            first=Text(
                "Add the provider’s include to the SPF record of the From domain.",
                "在发件域名的 SPF 记录中加入服务商的 include。",
            ),
        ),
    ),
    Case(
        name="the recipient's server refuses by DMARC",
        server=answering(
            Phase.DOT,
            "550 5.7.1 Unauthenticated email from example.com is not accepted due to domain's DMARC policy",
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("The message is not proven to come from your domain", "邮件未能通过发件域名验证"),
            first=Text(
                "Add the provider to the SPF record of the From domain.", "在发件域名的 SPF 记录中加入该服务商。"
            ),
        ),
    ),
    Case(
        name="no name for our address",
        server=answering(
            Phase.RCPT,
            "450 4.7.25 Client host rejected: cannot find your hostname, [203.0.113.9]",
            security=STARTTLS,
        ),
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.RECIPIENT_DEFERRED,
            side=Side.NETWORK,
            title=Text("The sending address has no proper reverse DNS name", "发信 IP 的反向解析无效"),
            first=Text(
                "Ask your hosting company to set the PTR record, or send through a provider.",
                "请云主机厂商设置 PTR 记录，或改用邮件服务商发信。",
            ),
        ),
    ),
    Case(
        name="Tencent SES misses the subject",
        provider="tencent-ses",
        server=answering(
            Phase.DOT,
            "554 5.0.0 Error: transaction failed, blame it on the weather: ##SES-response-json:"
            '{"RequestId":"0b1c-77","QcloudError":{"Error":{"Code":"FailedOperation",'
            '"Message":"msg.Subject is null"}}}',
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("Tencent Cloud SES found no subject", "腾讯云邮件推送未找到邮件主题"),
            first=Text("Give the message a subject.", "请填写邮件主题。"),
        ),
    ),
    Case(
        name="MailerSend objects to the message with a code that stands for later",
        provider="mailersend",
        server=answering(
            Phase.DOT,
            "450 The given data was invalid. The text field is required when html is not present.",
            security=STARTTLS,
        ),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_DEFERRED,
            side=Side.YOU,
            title=Text("MailerSend found mistakes in the message", "MailerSend 发现邮件有误"),
            first=Text("Read the list in the reply and mend the message.", "按应答中的列表修正邮件。"),
        ),
    ),
    # At the end
    Case(
        name="a server that says nothing to the message",
        server=Scripted(script={Phase.DOT: hang}),
        send=True,
        deadlines={"reply": 1},
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.UNCERTAIN,
            side=Side.PROVIDER,
            title=Text("It is not known whether the message was sent", "无法确定邮件是否已发出"),
            first=Text(
                "Look into the recipient’s mailbox or the provider’s log for the message.",
                "在收件人邮箱或服务商的发送记录中查找这封邮件。",
            ),
        ),
    ),
    Case(
        name="a server that hangs up after the message",
        server=Scripted(script={Phase.DOT: close}),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.UNCERTAIN,
            side=Side.PROVIDER,
            title=Text("It is not known whether the message was sent", "无法确定邮件是否已发出"),
            first=Text(
                "Look into the recipient’s mailbox or the provider’s log for the message.",
                "在收件人邮箱或服务商的发送记录中查找这封邮件。",
            ),
        ),
    ),
    Case(
        name="a server that never answers to the recipient",
        server=Scripted(script={Phase.RCPT: hang}),
        deadlines={"rcpt": 1},
        verdict=Verdict(
            stage=Stage.RCPT,
            cause=Cause.DEADLINE_EXCEEDED,
            side=Side.RECIPIENT,
            title=Text("The server does not answer for this recipient", "服务器没有回应该收件人"),
            first=Text("Try again in a few minutes.", "几分钟后再试。"),
        ),
    ),
    Case(
        name="a server whose disk is full",
        server=answering(Phase.MAIL, "452 4.3.1 Insufficient system storage", security=STARTTLS),
        verdict=Verdict(
            stage=Stage.MAIL,
            cause=Cause.SENDER_DEFERRED,
            side=Side.PROVIDER,
            title=Text("The server is out of storage", "服务器存储空间已满"),
            first=Text("Let the message be tried again later, unchanged.", "稍后原样重试即可。"),
        ),
    ),
    Case(
        name="words and a code that nobody knows",
        server=answering(Phase.DOT, "571 Delivery not authorized by the moon"),
        send=True,
        verdict=Verdict(
            stage=Stage.DATA,
            cause=Cause.CONTENT_REFUSED,
            side=Side.YOU,
            title=Text("The server refused the message", "服务器拒绝了邮件内容"),
            first=Text(
                "Read the server’s reply: it usually names the reason.", "查看服务器的应答，其中通常说明了原因。"
            ),
        ),
    ),
)
