"""What alerts say, and what it means when one did not arrive: both languages, by the code of the matter.

Data and not a catalogue of the pages: an alert is written by a worker, in its channel's language, in any project.
"""

from dataclasses import dataclass
from typing import Final

from smtpadmin.alerts.outcome import Reason
from smtpadmin.models import ChannelKind, IncidentKind
from smtpadmin.providers import Side, Text

# Incidents -----------------------------------------------------------------------------------------------------------

#: What is announced, for whoever chooses.
ANNOUNCED: Final[dict[str, Text]] = {
    IncidentKind.PROFILE_FAILING: Text(
        "A profile’s server cannot be reached or refuses the sign-in, at two checks in a row.",
        "某个 SMTP 配置的服务器连续两次检查都无法连接或拒绝登录。",
    ),
    IncidentKind.PROFILE_PAUSED: Text(
        "A profile is paused because real mail met a failure that stops all of it. Its mail waits.",
        "某个 SMTP 配置在真实发信时遇到导致全部邮件无法发出的故障，已暂停，邮件在等待。",
    ),
    IncidentKind.CERTIFICATE_EXPIRES: Text(
        "The certificate of a profile’s server expires within 21 days, and once more within 7.",
        "某个 SMTP 配置的服务器证书将在 21 天内到期；剩 7 天时再提醒一次。",
    ),
    IncidentKind.QUEUE_OLD: Text(
        "Mail that is due waits for too long: urgent mail for 10 minutes, normal mail for an hour, bulk mail for a "
        "day.",
        "应发出的邮件等待过久：紧急邮件超过 10 分钟，普通邮件超过 1 小时，群发邮件超过 1 天。",
    ),
}

OPENED: Final[dict[str, Text]] = {
    IncidentKind.PROFILE_FAILING: Text("“{profile}” cannot send mail", "“{profile}”无法发信"),
    IncidentKind.PROFILE_PAUSED: Text("“{profile}” is paused, its mail waits", "“{profile}”已暂停，邮件在等待"),
    IncidentKind.CERTIFICATE_EXPIRES: Text(
        "The certificate of {host} (“{profile}”) expires on {until}", "{host}（“{profile}”）的证书将于 {until} 到期"
    ),
    IncidentKind.QUEUE_OLD: Text("Mail waits for too long ({lane})", "邮件等待过久（{lane}）"),
}
RESOLVED: Final[dict[str, Text]] = {
    IncidentKind.PROFILE_FAILING: Text("Over: “{profile}” can send again", "已恢复：“{profile}”可以发信了"),
    IncidentKind.PROFILE_PAUSED: Text("Over: “{profile}” sends again", "已恢复：“{profile}”重新发信"),
    IncidentKind.CERTIFICATE_EXPIRES: Text(
        "Over: {host} (“{profile}”) has a new certificate", "已解决：{host}（“{profile}”）的证书已更新"
    ),
    IncidentKind.QUEUE_OLD: Text("Over: mail no longer waits ({lane})", "已恢复：邮件不再积压（{lane}）"),
}
#: Its trouble ended with its use: nothing has been mended.
OUT_OF_USE: Final = Text("Over: “{profile}” is disabled or deleted", "已结束：“{profile}”已停用或删除")
#: For a kind that this version does not know by name.
OTHER_OPENED: Final = Text("Something is wrong: {kind}", "出现问题：{kind}")
OTHER_RESOLVED: Final = Text("Over: {kind}", "已恢复：{kind}")

CAUSES: Final[dict[str, Text]] = {
    IncidentKind.CERTIFICATE_EXPIRES: Text(
        "The certificate that {host} shows is valid until {until}. From then on the connection is refused and mail "
        "waits.",
        "{host} 出示的证书有效期至 {until}。到期后连接会被拒绝，邮件只能等待。",
    ),
    IncidentKind.QUEUE_OLD: Text(
        "{count} messages wait, the oldest since {since}.",
        "有 {count} 封邮件在等待，最早的一封从 {since} 起。",
    ),
}
FIRST_STEPS: Final[dict[str, Text]] = {
    IncidentKind.CERTIFICATE_EXPIRES: Text(
        "If the server is yours, renew its certificate. If a provider runs it, they nearly always renew in time: look "
        "again in the last week.",
        "如果服务器是您自己的，请更新证书。如果由服务商运行，他们通常会及时更新，最后一周再看一次即可。",
    ),
    IncidentKind.QUEUE_OLD: Text(
        "Open the dashboard: it says whether a profile is paused, whether a limit is used up, and what failed last.",
        "打开仪表盘，查看是否有 SMTP 配置暂停、限额是否用完，以及最近的失败原因。",
    ),
}
LANES: Final[dict[int, Text]] = {
    0: Text("urgent mail", "紧急邮件"),
    1: Text("normal mail", "普通邮件"),
    2: Text("bulk mail", "群发邮件"),
}

# The parts of an alert -----------------------------------------------------------------------------------------------

PROFILE: Final = Text("Profile: {profile}", "SMTP 配置：{profile}")
SINCE: Final = Text("Since: {since}", "开始时间：{since}")
UNTIL: Final = Text("Over since: {until} (it took {length})", "恢复时间：{until}（持续 {length}）")
CAUSE: Final = Text("Cause: {cause}", "原因：{cause}")
FIRST_STEP: Final = Text("First step: {step}", "第一步：{step}")
SIDE: Final = Text("Who can mend it: {side}", "谁能解决：{side}")
LOOK: Final = Text("Look at: {link}", "查看：{link}")
AGAIN: Final = Text(
    "It has come back {count} times within the last hour. Trouble that comes and goes is announced once an hour at "
    "most.",
    "最近一小时内已反复出现 {count} 次。时好时坏的问题每小时最多通知一次。",
)
IF_IT_RETURNS: Final = Text(
    "If it comes back within 30 minutes, you are told once an hour at most.",
    "如果 30 分钟内再次出现，每小时最多通知一次。",
)
FOOT: Final = Text(
    "Sent by smtpadmin through the alert channel “{channel}”.", "由 smtpadmin 通过告警渠道“{channel}”发送。"
)
TEST_SUBJECT: Final = Text("Test alert: this channel works", "测试告警：此渠道可用")
TEST_TEXT: Final = Text(
    "Nothing is wrong. Somebody has pressed “Send test alert” to see whether alerts arrive here. They do.",
    "一切正常。有人点击了“发送测试告警”，以确认告警能否送达。现在可以确认：能送达。",
)
SIDES: Final[dict[Side, Text]] = {
    Side.YOU: Text("you", "您自己"),
    Side.PROVIDER: Text("the mail provider", "邮件服务商"),
    Side.RECIPIENT: Text("the recipient’s side", "收件方"),
    Side.NETWORK: Text("the network or whoever runs it", "网络或其管理方"),
}
MINUTES: Final = Text("{number} minutes", "{number} 分钟")
ONE_MINUTE: Final = Text("a minute", "1 分钟")
HOURS: Final = Text("{hours} h {minutes} min", "{hours} 小时 {minutes} 分钟")
DAYS: Final = Text("{days} d {hours} h", "{days} 天 {hours} 小时")


# Why one did not arrive ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Explained:
    """What a failure means and what to do about it."""

    title: Text
    cause: Text
    steps: tuple[Text, ...]


_KEEP_READING = Text(
    "Send a test alert again. What failed in the meantime is tried again by itself for a day.",
    "再次发送测试告警。在此期间失败的告警会在一天内自动重试。",
)

REASONS: Final[dict[Reason, Explained]] = {
    Reason.UNREADABLE: Explained(
        Text("The stored address cannot be read", "无法读取已保存的地址"),
        Text("It was sealed with a key that is no longer there.", "它由已不存在的密钥加密。"),
        (Text("Type the address of this channel again and save.", "重新填写此渠道的地址并保存。"),),
    ),
    Reason.LOCKED: Explained(
        Text("The panel is locked", "面板已锁定"),
        Text("Its encryption key is missing or is another one.", "加密密钥缺失，或不是原来的密钥。"),
        (
            Text(
                "Put the key back; the list of SMTP profiles says how.",
                "恢复密钥；SMTP 配置列表页有说明。",
            ),
        ),
    ),
    Reason.UNEXPECTED: Explained(
        Text("The alert could not be sent", "告警无法发送"),
        Text("Something happened that this panel has no explanation for.", "发生了面板无法解释的错误。"),
        (Text("Look into the panel’s log, at the time of this test.", "查看面板日志中此次测试时间的记录。"),),
    ),
    Reason.NO_PROFILE: Explained(
        Text("No profile is chosen", "未选择 SMTP 配置"),
        Text("The profile that this channel used was deleted.", "此渠道使用的 SMTP 配置已被删除。"),
        (Text("Choose another profile on this page and save.", "在本页另选一个 SMTP 配置并保存。"),),
    ),
    Reason.PROFILE_DISABLED: Explained(
        Text("The chosen profile is disabled", "所选 SMTP 配置已停用"),
        Text("No mail leaves through it, alerts neither.", "停用后不再发送任何邮件，包括告警。"),
        (Text("Enable it, or choose another profile on this page.", "启用它，或在本页另选一个 SMTP 配置。"),),
    ),
    Reason.SAME_PROFILE: Explained(
        Text("This channel leaves through the very profile in trouble", "此渠道使用的正是出问题的 SMTP 配置"),
        Text(
            "An alert about a profile is not sent through that profile. Other channels were told.",
            "关于某个 SMTP 配置的告警不会经由它自己发送，已改由其他渠道通知。",
        ),
        (
            Text(
                "Add a second channel: another profile, a webhook or a chat service.",
                "再添加一个渠道：使用其他 SMTP 配置、Webhook 或聊天服务。",
            ),
        ),
    ),
    Reason.PROFILE_FAILING: Explained(
        Text("The chosen profile is in trouble itself", "所选 SMTP 配置自身也有故障"),
        Text(
            "It is paused or its last checks failed, so an alert would wait in the queue with all other mail.",
            "它已暂停或最近的检查失败，告警会和其他邮件一起滞留在队列中。",
        ),
        (
            Text("Mend that profile: its page says what is wrong.", "先修复该 SMTP 配置，其页面说明了问题所在。"),
            Text("Or choose another profile for this channel.", "或者为此渠道另选一个 SMTP 配置。"),
        ),
    ),
    Reason.NO_RECIPIENT: Explained(
        Text("There is nobody to write to", "没有收件人"),
        Text("This channel has no recipients.", "此渠道未填写收件人。"),
        (Text("Enter at least one address and save.", "至少填写一个地址并保存。"),),
    ),
    Reason.MESSAGE_REFUSED: Explained(
        Text("The profile refuses this message", "该 SMTP 配置拒绝此邮件"),
        Text("It breaks a rule of the profile or of its provider.", "它违反了该配置或其服务商的规则。"),
        (
            Text(
                "Read the reason below, and change the recipients or the profile.", "阅读下方原因，修改收件人或该配置。"
            ),
        ),
    ),
    Reason.NO_ROOM: Explained(
        Text("The disk is nearly full", "磁盘空间不足"),
        Text("Nothing more is accepted for sending until there is room.", "腾出空间之前，不再接收任何待发邮件。"),
        (Text("Free space on the disk that holds the database.", "清理数据库所在磁盘的空间。"),),
    ),
    Reason.BAD_URL: Explained(
        Text("The address cannot be used", "地址无法使用"),
        Text(
            "A webhook is an https:// address without user name and password in it.",
            "Webhook 必须是 https:// 地址，且不含用户名和密码。",
        ),
        (Text("Type the address again, as the receiving service shows it.", "按接收方给出的形式重新填写地址。"),),
    ),
    Reason.NO_HOST: Explained(
        Text("There is no such host", "主机不存在"),
        Text("DNS knows no address for the host of this webhook.", "DNS 查不到此 Webhook 主机的地址。"),
        (Text("Look for a typing error in the host and enter the address again.", "检查主机名拼写，重新填写地址。"),),
    ),
    Reason.DNS_FAILED: Explained(
        Text("DNS did not answer", "DNS 没有应答"),
        Text("The host’s address could not be looked up just now.", "暂时无法查询该主机的地址。"),
        (
            Text(
                "Check the DNS and the network of the computer that runs the panel.",
                "检查运行面板的主机的 DNS 和网络。",
            ),
            _KEEP_READING,
        ),
    ),
    Reason.DENIED: Explained(
        Text("This address may not be connected to", "不允许连接该地址"),
        Text(
            "The host leads to an address that the panel’s settings or its own rules forbid, such as a cloud’s "
            "metadata service.",
            "该主机指向被设置或内置规则禁止的地址，例如云平台的元数据服务。",
        ),
        (
            Text(
                "Use a host that is allowed, or change SMTPADMIN_DENIED_NETWORKS.",
                "改用允许的主机，或修改 SMTPADMIN_DENIED_NETWORKS。",
            ),
        ),
    ),
    Reason.NO_CONNECTION: Explained(
        Text("There is no connection to the host", "无法连接到该主机"),
        Text("Nothing answers there, or a firewall is in between.", "对方没有响应，或被防火墙拦截。"),
        (
            Text(
                "Check that the receiving service runs and that the port is right.", "确认接收服务正在运行、端口正确。"
            ),
            Text("Check that this computer may reach it.", "确认本机可以访问它。"),
            _KEEP_READING,
        ),
    ),
    Reason.TIMEOUT: Explained(
        Text("It took too long", "超时"),
        Text("There was no answer in time.", "未在规定时间内得到应答。"),
        (Text("Check that the receiving service is not overloaded.", "确认接收服务没有过载。"), _KEEP_READING),
    ),
    Reason.UNTRUSTED: Explained(
        Text("The certificate is not trusted", "证书不受信任"),
        Text("Somebody else could be answering, so nothing was sent.", "应答者可能是冒充的，因此没有发送任何内容。"),
        (
            Text(
                "If your own CA has signed it, paste that CA’s certificate below.",
                "如果证书由您自己的 CA 签发，请在下方粘贴该 CA 证书。",
            ),
            Text("Else let the receiving service renew its certificate.", "否则请让接收服务更新证书。"),
        ),
    ),
    Reason.NOT_HTTPS: Explained(
        Text("There is no HTTPS there", "对方不是 HTTPS 服务"),
        Text("Something answered, but not the way a web server does.", "有应答，但不是网页服务器的应答。"),
        (Text("Check host and port of the address.", "检查地址中的主机和端口。"),),
    ),
    Reason.REDIRECTED: Explained(
        Text("The address leads elsewhere", "地址被重定向"),
        Text("Redirects are not followed: an alert goes where you said.", "不跟随重定向：告警只发往您填写的地址。"),
        (Text("Enter the address that it leads to.", "填写最终的地址。"),),
    ),
    Reason.NOT_AUTHORISED: Explained(
        Text("The receiving service does not let this in", "接收服务拒绝授权"),
        Text("The address is no longer valid, or the signing secret is another one.", "地址已失效，或签名密钥不一致。"),
        (Text("Make a new address there and enter it here.", "在接收方重新生成地址，并填写到这里。"),),
    ),
    Reason.NOT_FOUND: Explained(
        Text("There is nothing at this address", "该地址不存在"),
        Text("The receiving service does not know it, or no longer.", "接收服务不认识该地址，或它已被删除。"),
        (Text("Copy the address there once more and enter it here.", "在接收方重新复制地址，并填写到这里。"),),
    ),
    Reason.TOO_MANY: Explained(
        Text("The receiving service is asked too often", "请求过于频繁"),
        Text("It takes no more calls for now.", "接收服务暂时不再接受请求。"),
        (_KEEP_READING,),
    ),
    Reason.REFUSED: Explained(
        Text("The receiving service refuses the alert", "接收服务拒绝了告警"),
        Text("It does not understand what was sent.", "它无法理解收到的内容。"),
        (
            Text("Check that it takes the JSON that the manual describes.", "确认它能接收手册所述的 JSON。"),
            Text(
                "For chats, choose “Chat or push service” in place of a webhook.",
                "聊天工具请改用“聊天或推送服务”渠道。",
            ),
        ),
    ),
    Reason.SERVER_ERROR: Explained(
        Text("The receiving service has failed", "接收服务出错"),
        Text("It is broken just now. That is not yours to mend.", "它目前有故障，不需要您处理。"),
        (_KEEP_READING,),
    ),
    Reason.NOT_INSTALLED: Explained(
        Text("Apprise is not installed", "未安装 Apprise"),
        Text("This kind of channel needs the Apprise library.", "此类渠道需要 Apprise 库。"),
        (
            Text(
                "Install it where the panel runs: pip install 'smtpadmin[alerts]'",
                "在运行面板的环境中安装：pip install 'smtpadmin[alerts]'",
            ),
        ),
    ),
    Reason.BAD_SERVICE_URL: Explained(
        Text("Apprise does not understand this URL", "Apprise 无法识别此 URL"),
        Text(
            "The service is not known, or a part of the URL is missing.",
            "服务未知，或 URL 缺少某个部分。",
        ),
        (
            Text(
                "Look the form of the URL up: https://appriseit.com/services/",
                "查阅 URL 的写法：https://appriseit.com/services/",
            ),
        ),
    ),
    Reason.LOCAL_SERVICE: Explained(
        Text("This service is not available here", "此处不能使用该服务"),
        Text(
            "It would act on the computer that runs the panel, or send mail past the profiles.",
            "它会操作运行面板的主机，或绕过 SMTP 配置发信。",
        ),
        (
            Text(
                "For mail, add a profile and a channel of the kind “Email”.", "要用邮件，请添加 SMTP 配置和“邮件”渠道。"
            ),
        ),
    ),
    Reason.UNVERIFIED: Explained(
        Text("The URL switches certificate checking off", "URL 关闭了证书校验"),
        Text("Alerts are only sent to servers whose certificate is checked.", "告警只发往通过证书校验的服务器。"),
        (Text("Leave “verify=no” out of the URL.", "去掉 URL 中的“verify=no”。"),),
    ),
    Reason.SERVICE_REFUSED: Explained(
        Text("The service did not take the alert", "服务未接受告警"),
        Text(
            "It cannot be reached, or refuses the token or the recipient.", "无法连接该服务，或它拒绝了令牌或接收者。"
        ),
        (
            Text("Check that token and recipient in the URL are still valid.", "确认 URL 中的令牌和接收者仍然有效。"),
            Text("If it is a bot, check that it was added to the chat.", "如果是机器人，确认它已加入聊天。"),
            _KEEP_READING,
        ),
    ),
}

KINDS: Final[dict[str, Text]] = {
    ChannelKind.MAIL: Text(
        "Through one of your profiles. It says nothing about trouble with that very profile.",
        "经由您的某个 SMTP 配置发送。该配置自身的故障无法由它通知。",
    ),
    ChannelKind.WEBHOOK: Text(
        "A signed JSON call to an https address of your own.", "向您自己的 https 地址发送带签名的 JSON 请求。"
    ),
    ChannelKind.SERVICE: Text(
        "Telegram, Slack, Discord, DingTalk, Feishu, WeCom, ntfy, Gotify, Pushover and over a hundred more, through "
        "Apprise.",
        "通过 Apprise 支持钉钉、飞书、企业微信、Telegram、Slack、Discord、ntfy、Gotify、Pushover 等一百多种服务。",
    ),
}
