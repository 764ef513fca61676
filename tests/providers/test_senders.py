"""Whether a From address will pass, said before anything is sent."""

import pytest

from smtpadmin.providers import FromProblem, Text, check_from, load


def check(key: str, *, username: str, address: str) -> FromProblem | None:
    provider = load().get(key)
    assert provider is not None
    return check_from(provider, username=username, address=address)


@pytest.mark.parametrize(
    ("key", "username", "address"),
    [
        ("qq", "ada@qq.com", "ada@qq.com"),
        ("qq", "Ada@QQ.com", " ada@qq.com "),
        ("qq", "", "ada@qq.com"),
        ("qq", "ada", "ada@qq.com"),
        ("zoho", "ada@example.com", "ada@example.com"),
        ("webde", "ada", "ada@web.de"),
        ("sendgrid", "apikey", "news@example.com"),
        ("google-workspace-relay", "", "news@example.com"),
        ("localhost-postfix", "", "anyone@gmail.com"),
        ("mailpit", "", "anyone@gmail.com"),
    ],
)
def test_a_sender_that_passes_has_no_problem(key: str, username: str, address: str) -> None:
    assert check(key, username=username, address=address) is None


def test_a_documented_rule_is_certain() -> None:
    assert check("qq", username="ada@qq.com", address="news@example.com") == FromProblem(
        text=Text(
            en="QQ Mail accepts only the address you sign in with as sender. Use ada@qq.com as From, "
            "and put news@example.com into Reply-To if answers should go there.",
            zh="QQ 邮箱只接受登录所用的地址作为发件地址。请把发件地址改为 ada@qq.com；"
            "如需让回信寄到 news@example.com，请把它填入回复地址（Reply-To）。",
        ),
        certain=True,
    )


def test_a_rule_that_no_source_states_is_advice() -> None:
    assert check("netease-163", username="ada@163.com", address="news@example.com") == FromProblem(
        text=Text(
            en="From news@example.com differs from the login ada@163.com. Most mailbox providers refuse or rewrite "
            "such a sender, and NetEase 163.com Mail does not promise otherwise: use the login address.",
            zh="发件地址 news@example.com 与登录地址 ada@163.com 不同。多数邮箱服务会拒绝或改写这样的发件地址，"
            "网易 163 邮箱也没有说明允许这样做：建议使用登录地址。",
        ),
        certain=False,
    )


def test_an_alias_can_only_be_asked_about() -> None:
    problem = check("microsoft365", username="ada@contoso.com", address="news@contoso.com")
    assert problem is not None
    assert not problem.certain
    assert problem.text.en.startswith("Microsoft 365 (Exchange Online) accepts ada@contoso.com and its aliases")
    assert "请确认 news@contoso.com 已在该账号中设为别名" in problem.text.zh


@pytest.mark.parametrize(
    ("address", "login"),
    [("bob@web.de", "ada@web.de"), ("ada@example.com", "ada@web.de"), ("bob@email.de", "ada@email.de")],
)
def test_a_login_without_domain_stands_for_its_address_at_the_provider(address: str, login: str) -> None:
    problem = check("webde", username="ada", address=address)
    assert problem is not None
    assert problem.text.en.startswith(f"From {address} differs from the login {login}.")


def test_nobody_can_verify_a_public_mailbox_domain() -> None:
    assert check("sendgrid", username="apikey", address="ada@gmail.com") == FromProblem(
        text=Text(
            en="Twilio SendGrid sends only from domains or addresses you have verified there, and gmail.com belongs to "
            "Gmail. Use an address in a domain of your own.",
            zh="Twilio SendGrid 只允许使用已验证的域名或地址发信，而 gmail.com 属于 Gmail，您无法验证整个域名。"
            "请使用您自己域名下的地址。",
        ),
        certain=False,
    )


def test_a_relay_of_an_organisation_does_not_send_for_public_mailboxes() -> None:
    problem = check("microsoft365-relay", username="", address="ada@qq.com")
    assert problem is not None
    assert problem.text.en.endswith("and qq.com belongs to QQ Mail. Use an address in one of your domains.")
    assert "qq.com 属于 QQ 邮箱" in problem.text.zh
