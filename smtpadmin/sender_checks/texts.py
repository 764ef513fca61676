"""What the checks say, in both languages, by the code of the finding."""

from typing import Final

from smtpadmin.providers import Text
from smtpadmin.providers.phrases import fill

YOUR_SERVER: Final = Text("your server", "您的服务器")

TEXTS: Final[dict[str, Text]] = {
    # From
    "from_ok": Text(
        "{provider} takes {address} as sender.",
        "{provider}接受 {address} 作为发件地址。",
    ),
    "from_free": Text(
        "No rule of {provider} against {address} is known.",
        "未发现{provider}对发件地址 {address} 有限制。",
    ),
    "provider_domain": Text(
        "{domain} belongs to {owner}, which publishes SPF, DKIM and DMARC for it. There is nothing for you to set up.",
        "{domain} 属于{owner}，SPF、DKIM 和 DMARC 由其发布，您无需设置。",
    ),
    "foreign_domain_refused": Text(
        "{domain} belongs to {owner}, which asks receivers to turn away mail from it that did not leave through "
        "{owner} (DMARC p={policy}). Mail through {provider} will not arrive: use an address in a domain of your own.",
        "{domain} 属于{owner}，其 DMARC 策略（p={policy}）要求收件方拒收或隔离不是经由{owner}发出的邮件。经"
        "{provider}发出的邮件将无法正常送达：请使用您自己域名下的地址。",
    ),
    "foreign_domain": Text(
        "{domain} belongs to {owner}. Mail from it that leaves through {provider} passes neither SPF nor DKIM for that "
        "domain and often ends as spam: use an address in a domain of your own.",
        "{domain} 属于{owner}。经{provider}发出的邮件无法通过该域名的 SPF 和 DKIM，往往会被判为垃圾邮件："
        "请使用您自己域名下的地址。",
    ),
    "domain_missing": Text(
        "There is no domain {domain} in DNS, so receivers refuse mail from it. Look for a typing error, or register "
        "it.",
        "DNS 中不存在域名 {domain}，收件方会拒收来自它的邮件。请检查拼写，或确认域名已注册并生效。",
    ),
    # SPF
    "spf_not_asked": Text(
        "DNS could not be asked for the SPF record of {domain} ({reason}). That does not mean that there is none: "
        "try again.",
        "无法向 DNS 查询 {domain} 的 SPF 记录（{reason}）。这不代表没有记录，请稍后再试。",
    ),
    "spf_missing": Text(
        "{domain} has no SPF record, so receivers cannot tell that {provider} may send for it.",
        "{domain} 没有 SPF 记录，收件方无法确认{provider}有权代表它发信。",
    ),
    "spf_nearly": Text(
        "{domain} has a record that is meant for SPF and is none: it has to begin with “v=spf1” and a space.",
        "{domain} 有一条本意为 SPF 的记录，但格式无效：必须以“v=spf1”加一个空格开头。",
    ),
    "spf_multiple": Text(
        "{domain} has {number} SPF records. Receivers take that for an error and use none of them: join them to one.",
        "{domain} 有 {number} 条 SPF 记录，收件方会视为错误并全部忽略：请合并为一条。",
    ),
    "spf_syntax": Text(
        "The SPF record of {domain} has a mistake in “{part}”, which makes the whole record void.",
        "{domain} 的 SPF 记录中“{part}”有错误，导致整条记录失效。",
    ),
    "spf_part_no_record": Text(
        "The SPF record of {domain} leads to {part}, which has no SPF record. That makes the whole record void.",
        "{domain} 的 SPF 记录引用了 {part}，而它没有 SPF 记录，导致整条记录失效。",
    ),
    "spf_part_several_records": Text(
        "The SPF record of {domain} leads to {part}, which has several SPF records. That makes the whole record void.",
        "{domain} 的 SPF 记录引用了 {part}，而它有多条 SPF 记录，导致整条记录失效。",
    ),
    "spf_part_syntax": Text(
        "The SPF record of {domain} leads to {part}, whose own record has a mistake. That makes the whole record void.",
        "{domain} 的 SPF 记录引用了 {part}，而后者的记录有错误，导致整条记录失效。",
    ),
    "spf_part_loop": Text(
        "The SPF record of {domain} leads back to {part} in a circle. That makes the whole record void.",
        "{domain} 的 SPF 记录又绕回 {part}，形成循环，导致整条记录失效。",
    ),
    "spf_part_mail_hosts": Text(
        "The SPF record of {domain} names the mail hosts of {part}, which are more than ten. That makes the whole "
        "record void.",
        "{domain} 的 SPF 记录引用了 {part} 的 MX，而其数量超过 10 个，导致整条记录失效。",
    ),
    "spf_too_many_lookups": Text(
        "The SPF record of {domain} needs {number} look-ups, and ten are allowed. Receivers stop there with an "
        "error: take out what is not used any more.",
        "{domain} 的 SPF 记录需要 {number} 次 DNS 查询，而上限为 10 次，超出后收件方会报错：请删除不再使用的部分。",
    ),
    "spf_too_many_voids": Text(
        "The SPF record of {domain} names {number} hosts that do not exist, and two are allowed. Many receivers stop "
        "there with an error: take them out.",
        "{domain} 的 SPF 记录中有 {number} 个不存在的主机，而上限为 2 个，许多收件方会因此报错：请将它们删除。",
    ),
    "spf_open": Text(
        "The SPF record of {domain} lets everybody send in its name: it is worse than none.",
        "{domain} 的 SPF 记录允许任何人以它的名义发信，比没有记录更糟。",
    ),
    "spf_no_end": Text(
        "The SPF record of {domain} does not say what to do with mail from elsewhere. End it with “~all” or “-all”.",
        "{domain} 的 SPF 记录没有说明如何处理来自其他服务器的邮件。请以“~all”或“-all”结尾。",
    ),
    "spf_ptr": Text(
        "The SPF record of {domain} uses “ptr”, which is slow and which some receivers ignore (RFC 7208 5.5).",
        "{domain} 的 SPF 记录使用了“ptr”，它速度慢，且部分收件方会忽略（RFC 7208 5.5）。",
    ),
    "spf_unreached": Text(
        "In the SPF record of {domain} “{part}” stands after “all” and is never looked at. Move it in front.",
        "{domain} 的 SPF 记录中，“{part}”位于“all”之后，不会被读取。请移到“all”之前。",
    ),
    "spf_ignored": Text(
        "In the SPF record of {domain} “{part}” is written with “=” and means nothing. Write it with “:”.",
        "{domain} 的 SPF 记录中，“{part}”用了“=”，不起作用。请改用“:”。",
    ),
    "spf_ok": Text(
        "The SPF record of {domain} lets {provider} send for it.",
        "{domain} 的 SPF 记录允许{provider}代表它发信。",
    ),
    "spf_not_included": Text(
        "The SPF record of {domain} does not let {provider} send for it: “include:{needed}” is missing.",
        "{domain} 的 SPF 记录不允许{provider}代表它发信：缺少“include:{needed}”。",
    ),
    "spf_not_included_full": Text(
        "The SPF record of {domain} does not let {provider} send for it: “include:{needed}” is missing. With it the "
        "record would need {number} look-ups, and ten are allowed: take out what is not used any more.",
        "{domain} 的 SPF 记录不允许{provider}代表它发信：缺少“include:{needed}”。加上后共需 {number} 次查询，而上限为"
        " 10 次：请删除不再使用的部分。",
    ),
    "spf_own_path": Text(
        "Receivers look at the SPF record of {provider} rather than at {domain}, because it puts a return path of "
        "its own on the mail. “include:{needed}” helps where that path is in your domain.",
        "{provider}会使用自己的退信地址，收件方检查的是它的 SPF 记录，而不是 {domain} 的。只有退信地址设为您的域名"
        "时，才需要“include:{needed}”。",
    ),
    "spf_not_used": Text(
        "Receivers look at the SPF record of {provider} rather than at {domain}, because it puts a return path of "
        "its own on the mail. What counts for {domain} is DKIM.",
        "{provider}会使用自己的退信地址，收件方检查的是它的 SPF 记录，而不是 {domain} 的。对 {domain} 起作用的是 "
        "DKIM。",
    ),
    "spf_part_not_asked": Text(
        "DNS could not be asked about {part}, so it cannot be said whether the SPF record of {domain} lets "
        "{provider} send. Try again.",
        "无法向 DNS 查询 {part}，因此无法判断 {domain} 的 SPF 记录是否允许{provider}发信。请稍后再试。",
    ),
    "spf_macros": Text(
        "The SPF record of {domain} decides by the message itself, so it cannot be said beforehand whether it lets "
        "{provider} send.",
        "{domain} 的 SPF 记录要根据每封邮件判断，无法预先确定是否允许{provider}发信。",
    ),
    "spf_need_unknown": Text(
        "{domain} has a valid SPF record. What {provider} wants in it is not known here: compare it with the "
        "provider’s instructions.",
        "{domain} 的 SPF 记录有效。{provider}要求包含哪些内容尚未收录，请对照服务商的说明。",
    ),
    "spf_host_listed": Text(
        "The SPF record of {domain} lists the address of {host}.",
        "{domain} 的 SPF 记录包含 {host} 的地址。",
    ),
    "spf_host_not_listed": Text(
        "The SPF record of {domain} does not list the address of {host}. Add it, or the address that your mail "
        "leaves from where that is another.",
        "{domain} 的 SPF 记录不包含 {host} 的地址。请加入它；如果邮件从其他地址发出，请加入那个地址。",
    ),
    "spf_host_unknown": Text(
        "{domain} has a valid SPF record. Which address your mail leaves from is not known here: make sure that it "
        "is in it.",
        "{domain} 的 SPF 记录有效。无法得知邮件从哪个地址发出，请确认记录中包含该地址。",
    ),
    # DKIM
    "dkim_ok": Text(
        "The DKIM key {selector} of {domain} is published and long enough ({bits} bits, {kind}).",
        "{domain} 的 DKIM 密钥 {selector} 已发布，长度足够（{bits} 位，{kind}）。",
    ),
    "dkim_short": Text(
        "The DKIM key {selector} of {domain} has {bits} bits. It counts, but 2048 are recommended: have the provider "
        "make a longer one.",
        "{domain} 的 DKIM 密钥 {selector} 为 {bits} 位。目前有效，但建议使用 2048 位：请在服务商处更换。",
    ),
    "dkim_too_short": Text(
        "The DKIM key {selector} of {domain} has only {bits} bits. Receivers ignore keys of less than 1024 (RFC 8301).",
        "{domain} 的 DKIM 密钥 {selector} 只有 {bits} 位，收件方会忽略不足 1024 位的密钥（RFC 8301）。",
    ),
    "dkim_revoked": Text(
        "The DKIM key {selector} of {domain} is revoked: its p= is empty, so signatures by it fail.",
        "{domain} 的 DKIM 密钥 {selector} 已被撤销（p= 为空），用它签名无法通过验证。",
    ),
    "dkim_malformed": Text(
        "The record of the DKIM key {selector} of {domain} cannot be read. Copy it again from the provider, whole "
        "and in one piece.",
        "{domain} 的 DKIM 密钥记录 {selector} 无法读取。请从服务商处重新完整复制。",
    ),
    "dkim_other_type": Text(
        "The DKIM key {selector} of {domain} is of the type {kind}, which receivers do not know.",
        "{domain} 的 DKIM 密钥 {selector} 类型为 {kind}，收件方不支持。",
    ),
    "dkim_not_for_mail": Text(
        "The DKIM key {selector} of {domain} is not for e-mail (s=).",
        "{domain} 的 DKIM 密钥 {selector} 不用于电子邮件（s=）。",
    ),
    "dkim_testing": Text(
        "The DKIM key {selector} of {domain} is marked as a test (t=y): receivers may treat its mail as unsigned. "
        "Take the mark out.",
        "{domain} 的 DKIM 密钥 {selector} 标记为测试（t=y），收件方可能视同未签名。请去掉该标记。",
    ),
    "dkim_multiple": Text(
        "There are {number} records for the DKIM key {selector} of {domain}. Which one receivers take is chance: "
        "keep the one of your provider.",
        "{domain} 的 DKIM 密钥 {selector} 有 {number} 条记录，收件方采用哪一条不确定：请只保留服务商提供的那条。",
    ),
    "dkim_missing": Text(
        "There is no DKIM key {selector} for {domain}. Switch DKIM on at {provider} and publish the record that it "
        "shows.",
        "{domain} 没有 DKIM 密钥 {selector}。请在{provider}处启用 DKIM，并发布其给出的记录。",
    ),
    "dkim_usual_missing": Text(
        "None of the usual DKIM keys of {provider} ({selector}) is published for {domain}. Switch DKIM on there and "
        "publish the record that it shows, or enter the selector that you use.",
        "{domain} 没有发布{provider}常用的 DKIM 密钥（{selector}）。请在服务商处启用 DKIM 并发布其给出的记录，或填写"
        "您实际使用的选择器。",
    ),
    "dkim_none": Text(
        "{domain} has no DKIM key at all, so mail from it is not signed in its name. Switch DKIM on at {provider} and "
        "publish the record that it shows.",
        "{domain} 没有任何 DKIM 密钥，邮件不会以它的名义签名。请在{provider}处启用 DKIM，并发布其给出的记录。",
    ),
    "dkim_no_selector": Text(
        "Which DKIM selector {provider} uses for {domain} is not known here. It is the s= in the DKIM-Signature of a "
        "message that arrived, and in the provider’s instructions.",
        "{provider}为 {domain} 使用的 DKIM 选择器尚未收录。可在已收到邮件的 DKIM-Signature 中查看 s=，或查阅服务商的"
        "说明。",
    ),
    "dkim_not_asked": Text(
        "DNS could not be asked for the DKIM key {selector} of {domain} ({reason}). That does not mean that there is "
        "none: try again.",
        "无法向 DNS 查询 {domain} 的 DKIM 密钥 {selector}（{reason}）。这不代表没有密钥，请稍后再试。",
    ),
    # DMARC
    "dmarc_not_asked": Text(
        "DNS could not be asked for the DMARC record of {domain}. That does not mean that there is none: try again.",
        "无法向 DNS 查询 {domain} 的 DMARC 记录。这不代表没有记录，请稍后再试。",
    ),
    "dmarc_missing": Text(
        "{domain} has no DMARC record. Large receivers such as Gmail and Yahoo want one from whoever sends much; "
        "this one changes nothing else.",
        "{domain} 没有 DMARC 记录。Gmail、雅虎等大型收件方要求大量发信的域名必须设置；下面这条记录不会影响现有邮件。",
    ),
    "dmarc_nearly": Text(
        "{domain} has a record that is meant for DMARC and is none: it has to begin with “v=DMARC1;”.",
        "{domain} 有一条本意为 DMARC 的记录，但格式无效：必须以“v=DMARC1;”开头。",
    ),
    "dmarc_multiple": Text(
        "{domain} has {number} DMARC records, and receivers use none of them. Keep one.",
        "{domain} 有 {number} 条 DMARC 记录，收件方会全部忽略。请只保留一条。",
    ),
    "dmarc_syntax": Text(
        "The DMARC record of {source} has a mistake in “{part}”.",
        "{source} 的 DMARC 记录中“{part}”有错误。",
    ),
    "dmarc_none": Text(
        "The DMARC policy for {domain} is “none”: receivers report and turn nothing away.",
        "{domain} 的 DMARC 策略为“none”：收件方只报告，不拒收。",
    ),
    "dmarc_quarantine": Text(
        "The DMARC policy for {domain} is “quarantine”: mail that fails goes to the spam folder.",
        "{domain} 的 DMARC 策略为“quarantine”：未通过的邮件会进入垃圾箱。",
    ),
    "dmarc_reject": Text(
        "The DMARC policy for {domain} is “reject”: mail that fails is refused.",
        "{domain} 的 DMARC 策略为“reject”：未通过的邮件会被拒收。",
    ),
    "aligned": Text(
        "Mail through {provider} passes DMARC for {domain}, by {way}.",
        "经{provider}发出的邮件可通过 {domain} 的 DMARC 检查（{way}）。",
    ),
    "aligned_by_spf": Text(
        "Mail through {provider} passes DMARC for {domain} by SPF alone, which forwarding breaks. DKIM would hold.",
        "经{provider}发出的邮件仅凭 SPF 通过 {domain} 的 DMARC 检查，邮件被转发时会失效。建议再启用 DKIM。",
    ),
    "not_aligned": Text(
        "Mail through {provider} does not pass DMARC for {domain}: neither SPF nor DKIM stands for that domain. "
        "Receivers act by the policy “{policy}”. Mend SPF or DKIM above first.",
        "经{provider}发出的邮件无法通过 {domain} 的 DMARC 检查：SPF 和 DKIM 都不能代表该域名。收件方会按策略"
        "“{policy}”处理。请先解决上面的 SPF 或 DKIM 问题。",
    ),
    "not_aligned_strict": Text(
        "The envelope’s sender is in {envelope} and the From in {domain}. SPF does not count for DMARC there, "
        "because the record asks for the very same domain (aspf=s), and DKIM does not stand in for it. Receivers act "
        "by the policy “{policy}”.",
        "信封发件人属于 {envelope}，而发件地址属于 {domain}。记录要求两者完全相同（aspf=s），因此 SPF 不能用于 "
        "DMARC，DKIM 也未能代替。收件方会按策略“{policy}”处理。",
    ),
    "alignment_unknown": Text(
        "Whether mail through {provider} passes DMARC for {domain} cannot be said from here: see SPF and DKIM above.",
        "无法判断经{provider}发出的邮件能否通过 {domain} 的 DMARC 检查：请参见上面的 SPF 和 DKIM。",
    ),
}

BOTH: Final = Text("SPF and DKIM", "SPF 和 DKIM")
DKIM: Final = Text("DKIM", "DKIM")

REASONS: Final[dict[str, Text]] = {
    "timeout": Text("no answer in time", "未及时响应"),
    "server_failure": Text("the server failed", "服务器出错"),
    "no_server": Text("no DNS server is configured", "未配置 DNS 服务器"),
    "bad_name": Text("this is no domain name", "域名无效"),
    "too_many": Text("too many questions for one check", "单次检查的查询过多"),
}


def say(code: str, **values: Text | str | int) -> Text:
    """Return the text of a finding with its placeholders filled in."""
    return fill(TEXTS[code], {name: _both(value) for name, value in values.items()})


def _both(value: Text | str | int) -> Text:
    return value if isinstance(value, Text) else Text(en=str(value), zh=str(value))
