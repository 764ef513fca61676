"""The sender: whether receivers will believe mail from this address that leaves through this provider."""

from smtpadmin.providers import Text
from smtpadmin.sender_checks import Severity
from tests.diagnosis.model import SenderCase, SenderVerdict
from tests.sender_checks.keys import short_rsa
from tests.support.dns_server import servfail

# Mailboxes on own domains, whose SPF record is known, and a service for programs.
MAILBOXES = "namecheap"
NEEDED = ("spf.privateemail.com", "TXT", "v=spf1 ip4:198.51.100.0/24 ~all")
SERVICE = "sendgrid"
EXISTS = ("example.com", "A", "192.0.2.1")
GOOD_SPF = ("example.com", "TXT", "v=spf1 include:spf.privateemail.com -all")
REJECT = ("_dmarc.example.com", "TXT", "v=DMARC1; p=reject")

CASES = (
    SenderCase(
        name="no SPF record",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED),
        verdict=SenderVerdict(
            code="spf_missing",
            severity=Severity.PROBLEM,
            text=Text(
                "example.com has no SPF record, so receivers cannot tell that Namecheap Private Email may send for it.",
                "example.com 没有 SPF 记录，收件方无法确认 Namecheap 企业邮箱（Private Email）有权代表它发信。",
            ),
            record="v=spf1 include:spf.privateemail.com ~all",
        ),
    ),
    SenderCase(
        name="an SPF record without the provider",
        provider=MAILBOXES,
        dns=(
            EXISTS,
            NEEDED,
            ("example.com", "TXT", "v=spf1 include:_spf.google.com -all"),
            ("_spf.google.com", "TXT", "v=spf1 ip4:192.0.2.0/24 ~all"),
        ),
        verdict=SenderVerdict(
            code="spf_not_included",
            severity=Severity.PROBLEM,
            text=Text(
                "The SPF record of example.com does not let Namecheap Private Email send for it: "
                "“include:spf.privateemail.com” is missing.",
                "example.com 的 SPF 记录不允许 Namecheap 企业邮箱（Private Email）代表它发信："
                "缺少“include:spf.privateemail.com”。",
            ),
            record="v=spf1 include:_spf.google.com include:spf.privateemail.com -all",
        ),
    ),
    SenderCase(
        name="two SPF records",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, GOOD_SPF, ("example.com", "TXT", "v=spf1 mx ~all")),
        verdict=SenderVerdict(
            code="spf_multiple",
            severity=Severity.PROBLEM,
            text=Text(
                (
                    "example.com has 2 SPF records. Receivers take that for an error and use none of them: join them "
                    "to one."
                ),
                "example.com 有 2 条 SPF 记录，收件方会视为错误并全部忽略：请合并为一条。",
            ),
            record="v=spf1 include:spf.privateemail.com mx -all",
        ),
    ),
    SenderCase(
        name="an SPF record with too many look-ups",
        provider=MAILBOXES,
        dns=(
            EXISTS,
            NEEDED,
            (
                "example.com",
                "TXT",
                "v=spf1 "
                + " ".join(f"include:i{n}.example.com" for n in range(11))
                + " include:spf.privateemail.com -all",
            ),
            *((f"i{n}.example.com", "TXT", "v=spf1 -all") for n in range(11)),
        ),
        verdict=SenderVerdict(
            code="spf_too_many_lookups",
            severity=Severity.PROBLEM,
            text=Text(
                (
                    "The SPF record of example.com needs 12 look-ups, and ten are allowed. Receivers stop there with "
                    "an error: take out what is not used any more."
                ),
                (
                    "example.com 的 SPF 记录需要 12 次 DNS 查询，而上限为 10 次，超出后收件方会报错：请删除不再使用的"
                    "部分。"
                ),
            ),
        ),
    ),
    SenderCase(
        name="an SPF record with a mistake",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, ("example.com", "TXT", "v=spf1 ipv4:192.0.2.1 include:spf.privateemail.com -all")),
        verdict=SenderVerdict(
            code="spf_syntax",
            severity=Severity.PROBLEM,
            text=Text(
                "The SPF record of example.com has a mistake in “ipv4:192.0.2.1”, which makes the whole record void.",
                "example.com 的 SPF 记录中“ipv4:192.0.2.1”有错误，导致整条记录失效。",
            ),
        ),
    ),
    SenderCase(
        name="an SPF record that lets everybody send",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, ("example.com", "TXT", "v=spf1 include:spf.privateemail.com +all")),
        verdict=SenderVerdict(
            code="spf_open",
            severity=Severity.PROBLEM,
            text=Text(
                "The SPF record of example.com lets everybody send in its name: it is worse than none.",
                "example.com 的 SPF 记录允许任何人以它的名义发信，比没有记录更糟。",
            ),
            record="v=spf1 include:spf.privateemail.com ~all",
        ),
    ),
    SenderCase(
        name="an own server that the SPF record does not list",
        provider="",
        host="mail.example.com",
        dns=(EXISTS, ("mail.example.com", "A", "93.184.216.34"), ("example.com", "TXT", "v=spf1 ip4:192.0.2.1 -all")),
        verdict=SenderVerdict(
            code="spf_host_not_listed",
            severity=Severity.WARNING,
            text=Text(
                (
                    "The SPF record of example.com does not list the address of mail.example.com. Add it, or the "
                    "address that your mail leaves from where that is another."
                ),
                (
                    "example.com 的 SPF 记录不包含 mail.example.com 的地址。请加入它；如果邮件从其他地址发出，请加入"
                    "那个地址。"
                ),
            ),
            record="v=spf1 ip4:192.0.2.1 a:mail.example.com -all",
        ),
    ),
    SenderCase(
        name="DNS cannot be asked for SPF",
        provider=MAILBOXES,
        dns=(EXISTS,),
        dns_behaviour={"example.com": servfail},
        verdict=SenderVerdict(
            code="spf_not_asked",
            severity=Severity.UNKNOWN,
            text=Text(
                (
                    "DNS could not be asked for the SPF record of example.com (the server failed). That does not "
                    "mean that there is none: try again."
                ),
                "无法向 DNS 查询 example.com 的 SPF 记录（服务器出错）。这不代表没有记录，请稍后再试。",
            ),
        ),
    ),
    SenderCase(
        name="no DKIM key",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, GOOD_SPF),
        selectors=("s1",),
        verdict=SenderVerdict(
            code="dkim_missing",
            severity=Severity.WARNING,
            text=Text(
                (
                    "There is no DKIM key s1 for example.com. Switch DKIM on at Namecheap Private Email and publish "
                    "the record that it shows."
                ),
                (
                    "example.com 没有 DKIM 密钥 s1。请在 Namecheap 企业邮箱（Private Email）处启用 DKIM，并发布其给出"
                    "的记录。"
                ),
            ),
        ),
    ),
    SenderCase(
        name="the usual DKIM keys of the provider are missing",
        provider=SERVICE,
        dns=(EXISTS,),
        verdict=SenderVerdict(
            code="dkim_usual_missing",
            severity=Severity.WARNING,
            text=Text(
                (
                    "None of the usual DKIM keys of Twilio SendGrid (s1, s2) is published for example.com. Switch "
                    "DKIM on there and publish the record that it shows, or enter the selector that you use."
                ),
                (
                    "example.com 没有发布 Twilio SendGrid 常用的 DKIM 密钥（s1, s2）。请在服务商处启用 DKIM 并发布其"
                    "给出的记录，或填写您实际使用的选择器。"
                ),
            ),
        ),
    ),
    SenderCase(
        name="a revoked DKIM key",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, GOOD_SPF, ("s1._domainkey.example.com", "TXT", "v=DKIM1; p=")),
        selectors=("s1",),
        verdict=SenderVerdict(
            code="dkim_revoked",
            severity=Severity.PROBLEM,
            text=Text(
                "The DKIM key s1 of example.com is revoked: its p= is empty, so signatures by it fail.",
                "example.com 的 DKIM 密钥 s1 已被撤销（p= 为空），用它签名无法通过验证。",
            ),
        ),
    ),
    SenderCase(
        name="a DKIM key that is too short",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, GOOD_SPF, ("s1._domainkey.example.com", "TXT", f"v=DKIM1; p={short_rsa()}")),
        selectors=("s1",),
        verdict=SenderVerdict(
            code="dkim_too_short",
            severity=Severity.PROBLEM,
            text=Text(
                "The DKIM key s1 of example.com has only 512 bits. Receivers ignore keys of less than 1024 (RFC 8301).",
                "example.com 的 DKIM 密钥 s1 只有 512 位，收件方会忽略不足 1024 位的密钥（RFC 8301）。",
            ),
        ),
    ),
    SenderCase(
        name="no DMARC record",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, GOOD_SPF),
        verdict=SenderVerdict(
            code="dmarc_missing",
            severity=Severity.WARNING,
            text=Text(
                (
                    "example.com has no DMARC record. Large receivers such as Gmail and Yahoo want one from whoever "
                    "sends much; this one changes nothing else."
                ),
                (
                    "example.com 没有 DMARC 记录。Gmail、雅虎等大型收件方要求大量发信的域名必须设置；下面这条记录不会"
                    "影响现有邮件。"
                ),
            ),
            record="v=DMARC1; p=none",
        ),
    ),
    SenderCase(
        name="DMARC fails: neither SPF nor DKIM stands for the domain",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, ("example.com", "TXT", "v=spf1 -all"), REJECT),
        selectors=("s1",),
        verdict=SenderVerdict(
            code="not_aligned",
            severity=Severity.PROBLEM,
            text=Text(
                (
                    "Mail through Namecheap Private Email does not pass DMARC for example.com: neither SPF nor DKIM "
                    "stands for that domain. Receivers act by the policy “reject”. Mend SPF or DKIM above first."
                ),
                (
                    "经 Namecheap 企业邮箱（Private Email）发出的邮件无法通过 example.com 的 DMARC 检查：SPF 和 DKIM "
                    "都不能代表该域名。收件方会按策略“reject”处理。请先解决上面的 SPF 或 DKIM 问题。"
                ),
            ),
        ),
    ),
    SenderCase(
        name="DMARC fails for a service that uses a return path of its own",
        provider=SERVICE,
        dns=(EXISTS, REJECT),
        selectors=("s1",),
        verdict=SenderVerdict(
            code="not_aligned",
            severity=Severity.PROBLEM,
            text=Text(
                (
                    "Mail through Twilio SendGrid does not pass DMARC for example.com: neither SPF nor DKIM stands "
                    "for that domain. Receivers act by the policy “reject”. Mend SPF or DKIM above first."
                ),
                (
                    "经 Twilio SendGrid 发出的邮件无法通过 example.com 的 DMARC 检查：SPF 和 DKIM 都不能代表该域名。"
                    "收件方会按策略“reject”处理。请先解决上面的 SPF 或 DKIM 问题。"
                ),
            ),
        ),
    ),
    SenderCase(
        name="two DMARC records",
        provider=MAILBOXES,
        dns=(EXISTS, NEEDED, GOOD_SPF, REJECT, ("_dmarc.example.com", "TXT", "v=DMARC1; p=none")),
        verdict=SenderVerdict(
            code="dmarc_multiple",
            severity=Severity.PROBLEM,
            text=Text(
                "example.com has 2 DMARC records, and receivers use none of them. Keep one.",
                "example.com 有 2 条 DMARC 记录，收件方会全部忽略。请只保留一条。",
            ),
        ),
    ),
    SenderCase(
        name="a Gmail address through another service",
        provider=SERVICE,
        address="me@gmail.com",
        dns=(("_dmarc.gmail.com", "TXT", "v=DMARC1; p=quarantine"),),
        verdict=SenderVerdict(
            code="foreign_domain_refused",
            severity=Severity.PROBLEM,
            text=Text(
                (
                    "gmail.com belongs to Gmail, which asks receivers to turn away mail from it that did not leave "
                    "through Gmail (DMARC p=quarantine). Mail through Twilio SendGrid will not arrive: use an "
                    "address in a domain of your own."
                ),
                (
                    "gmail.com 属于 Gmail，其 DMARC 策略（p=quarantine）要求收件方拒收或隔离不是经由 Gmail 发出的邮件"
                    "。经 Twilio SendGrid 发出的邮件将无法正常送达：请使用您自己域名下的地址。"
                ),
            ),
        ),
    ),
    SenderCase(
        name="a typing error in the domain of From",
        provider=MAILBOXES,
        address="alerts@exmaple.com",
        dns=(EXISTS,),
        verdict=SenderVerdict(
            code="domain_missing",
            severity=Severity.PROBLEM,
            text=Text(
                (
                    "There is no domain exmaple.com in DNS, so receivers refuse mail from it. Look for a typing "
                    "error, or register it."
                ),
                "DNS 中不存在域名 exmaple.com，收件方会拒收来自它的邮件。请检查拼写，或确认域名已注册并生效。",
            ),
        ),
    ),
    SenderCase(
        name="a From that QQ Mail refuses",
        provider="qq",
        address="other@qq.com",
        username="me@qq.com",
        verdict=SenderVerdict(
            code="from_refused",
            severity=Severity.PROBLEM,
            text=Text(
                (
                    "QQ Mail accepts only the address you sign in with as sender. Use me@qq.com as From, and put "
                    "other@qq.com into Reply-To if answers should go there."
                ),
                (
                    "QQ 邮箱只接受登录所用的地址作为发件地址。请把发件地址改为 me@qq.com；如需让回信寄到 other@qq.com"
                    "，请把它填入回复地址（Reply-To）。"
                ),
            ),
        ),
    ),
)
