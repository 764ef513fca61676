import sys
import pytest
from django.contrib.auth.models import User
from tests.support.profiles import make_profile
from tests.browser.visitor import Variant, VARIANTS, Visitor
from tests.browser.conftest import *
pytestmark = [pytest.mark.django_db(transaction=True)]
import os
WHICH = os.environ.get("V", "desktop").split(",")
ALL = {v.name: v for v in VARIANTS} | {"wide": Variant("wide", width=1440, height=900)}

def test_shots(new_visitor, administrator, smtp_server):
    server = smtp_server()
    ok = make_profile(slug="working", name="QQ Mail – notify", provider="qq", host="smtp.qq.com", from_address="notify@qq.com", username="notify@qq.com", from_name="Acme Shop", is_default=True, password="x"*16)
    live = make_profile(slug="live", name="Office relay", host=server.host, port=server.port, security="none", username="notify@example.com", password="correct horse battery")
    bad = make_profile(slug="bad", name="NetEase backup", provider="netease-163", host=server.host, port=server.port, security="none", username="notify@example.com", password="wrong password")
    skip = make_profile(slug="skip", name="Old relay", host="relay.corp.example", port=25, security="starttls", skip_verify=True, skip_verify_reason="Replaced next week", username="", provider="", test_state="changed")
    make_profile(slug="m365", name="Microsoft 365", provider="microsoft365", host="smtp.office365.com", port=587, security="starttls", enabled=False)
    for name in WHICH:
        v = new_visitor(ALL[name]); v.sign_in(administrator)
        def shot(label, path, act=None):
            v.open(path)
            if act: act(v.page)
            v.picture("sa-"+label)
            bad_ = [*v.complaints, *v.page.evaluate(__import__("tests.browser.visitor",fromlist=["x"])._TOO_WIDE), *v.axe_findings()]
            v.complaints.clear()
            if bad_: print(label, name, bad_)
        def type_qq(p):
            p.fill("#id_address", "notify@qq.com"); p.wait_for_timeout(600)
        def run(p):
            p.fill("#id_recipient", "you@example.org"); p.click("button[value=send]"); p.wait_for_selector("[data-outcome]"); p.wait_for_timeout(200)
        only = os.environ.get("ONLY","").split(",") if os.environ.get("ONLY") else None
        pages = [
         ("add", "/admin/smtpadmin/profile/add/", None),
         ("add-qq", "/admin/smtpadmin/profile/add/", type_qq),
         ("add-outlook", "/admin/smtpadmin/profile/add/", lambda p: (p.fill("#id_address","me@outlook.com"), p.wait_for_timeout(600))),
         ("add-error", "/admin/smtpadmin/profile/add/", lambda p: (p.fill("#id_address","notify@example.net"), p.wait_for_timeout(300), p.click("button[name=_save]"), p.wait_for_timeout(500))),
         ("combo", "/admin/smtpadmin/profile/add/", lambda p: (p.click("#id_provider"), p.keyboard.type("zoho"), p.wait_for_timeout(100))),
         ("edit", f"/admin/smtpadmin/profile/{ok.pk}/change/", None),
         ("edit-skip", f"/admin/smtpadmin/profile/{skip.pk}/change/", None),
         ("test", f"/admin/smtpadmin/profile/{live.pk}/test/", None),
         ("test-ok", f"/admin/smtpadmin/profile/{live.pk}/test/", run),
         ("test-bad", f"/admin/smtpadmin/profile/{bad.pk}/test/", run),
         ("list", "/admin/smtpadmin/profile/", None),
         ("dashboard", "/admin/smtpadmin/", None),
         ("providers", "/admin/smtpadmin/profile/providers/", None),
         ("providers-q", "/admin/smtpadmin/profile/providers/?q=zoho", None),
         ("history", f"/admin/smtpadmin/profile/{bad.pk}/history/", None),
         ("delete", f"/admin/smtpadmin/profile/{ok.pk}/delete/", None),
        ]
        for label, path, act in pages:
            if only is None or label in only:
                try: shot(label, path, act)
                except Exception as e: print("FAIL", label, name, e, v.complaints); v.complaints.clear()
