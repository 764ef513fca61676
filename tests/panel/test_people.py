"""The pages of users and groups."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client


def permission_ids(*codenames: str) -> list[int]:
    return [Permission.objects.get(codename=codename).pk for codename in codenames]


def test_a_new_user_can_log_in(as_alice: Client) -> None:
    answers = {"username": "zoe", "email": "", "password1": "correct horse 9", "password2": "correct horse 9"}
    assert as_alice.post("/admin/auth/user/add/", answers).status_code == 302
    assert Client().login(username="zoe", password="correct horse 9")
    assert User.objects.get(username="zoe").is_staff


def test_permissions_are_given_by_their_checkboxes(as_alice: Client, charlie: User) -> None:
    chosen = permission_ids("view_profile", "test_profile")
    answers = {"username": "charlie", "email": "", "is_active": "on", "user_permissions": chosen}
    assert as_alice.post(f"/admin/auth/user/{charlie.pk}/change/", answers).status_code == 302
    assert sorted(charlie.user_permissions.values_list("pk", flat=True)) == sorted(chosen)


def test_a_permission_that_opens_nothing_is_not_offered(as_alice: Client, charlie: User) -> None:
    answers = {"username": "charlie", "is_active": "on", "user_permissions": permission_ids("delete_session")}
    assert as_alice.post(f"/admin/auth/user/{charlie.pk}/change/", answers).status_code == 200
    assert not charlie.user_permissions.exists()


def test_permissions_are_listed_by_model_in_the_order_of_their_weight(as_alice: Client, charlie: User) -> None:
    form = as_alice.get(f"/admin/auth/user/{charlie.pk}/change/").context["adminform"].form
    choices = {
        group: [str(label) for _value, label in options] for group, options in form.fields["user_permissions"].choices
    }
    assert choices == {
        "SMTP profile": ["View", "Add", "Change", "Delete", "Send test emails"],
        "Message": ["View", "Try again, cancel, send again", "Read subjects and texts (private)"],
        "Alert channel": ["View", "Add", "Change", "Delete"],
        "User": ["View", "Add", "Change", "Delete"],
        "Group": ["View", "Add", "Change", "Delete"],
    }


@pytest.mark.parametrize("exists", [False, True])
def test_groups_can_be_chosen_once_there_are_any(as_alice: Client, charlie: User, exists: bool) -> None:
    if exists:
        Group.objects.create(name="Operators")
    page = as_alice.get(f"/admin/auth/user/{charlie.pk}/change/").content.decode()
    assert ("Operators" in page, 'name="groups"' in page) == (exists, exists)


def test_users_and_groups_lead_to_each_other(as_alice: Client) -> None:
    assert '<a href="/admin/auth/group/"' in as_alice.get("/admin/auth/user/").content.decode()
    assert '<a href="/admin/auth/user/"' in as_alice.get("/admin/auth/group/").content.decode()
