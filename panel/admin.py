"""The pages of users and groups, cut down to what the panel has: everyone in it is staff, and there are few of them."""

from __future__ import annotations  # Django’s classes are generic in the stubs only

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import Group, User
from django.db.models import Field, ManyToManyField
from django.forms import ModelForm, ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from panel.permissions import PermissionsField, offered

admin.site.unregister((User, Group))


def as_checkboxes(db_field: ManyToManyField[Any, Any]) -> dict[str, Any]:
    """Return what makes a form show groups or permissions as checkboxes."""
    if db_field.name in ("permissions", "user_permissions"):
        return {"form_class": PermissionsField, "queryset": offered(), "help_text": ""}
    return {"widget": forms.CheckboxSelectMultiple}


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin):  # type: ignore[type-arg]
    list_display = ("username", "email", "role", "state", "seen")
    list_filter = ("is_active", "is_superuser", "groups")
    search_fields = ("username", "email", "first_name", "last_name")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "email", "password")}),
        (_("Personal info"), {"fields": (("first_name", "last_name"),)}),
        (_("Permissions"), {"fields": ("is_active", "is_superuser", "groups", "user_permissions")}),
    )
    add_form = UserCreationForm
    add_fieldsets = ((None, {"fields": ("username", "email", "password1", "password2")}),)

    @admin.display(description=_("role"), ordering="is_superuser")
    def role(self, user: User) -> str:
        return gettext("Administrator") if user.is_superuser else pgettext("role", "User")

    @admin.display(description=_("state"), ordering="is_active")
    def state(self, user: User) -> str:
        return pgettext("user", "Active") if user.is_active else pgettext("user", "Switched off")

    @admin.display(description=_("last login"), ordering="last_login")
    def seen(self, user: User) -> datetime | str:
        return user.last_login or pgettext("login", "never")

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        return super().formfield_for_manytomany(db_field, request, **kwargs | as_checkboxes(db_field))

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield and db_field.name == "groups":
            formfield.widget.can_add_related = False  # groups have their own page, beside this one
        return formfield

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Leave out the choice of groups while there are none."""
        fieldsets = super().get_fieldsets(request, obj)
        if Group.objects.exists():
            return fieldsets
        return [
            (title, {**options, "fields": [field for field in options["fields"] if field != "groups"]})
            for title, options in fieldsets
        ]

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[Any], change: bool) -> None:
        # Without it a new user could log in nowhere: the panel is all there is.
        obj.is_staff = True
        super().save_model(request, obj, form, change)


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin):
    filter_horizontal = ()

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        return super().formfield_for_manytomany(db_field, request, **kwargs | as_checkboxes(db_field))
