"""The first run's page: makes the first administrator, logs in, and leads to the first SMTP profile.

Who may use it is decided by `first_run`. Without a valid link the page does not exist, and it does not tell why.
"""

from typing import Any, cast

from django import forms
from django.contrib.auth import get_user_model, login
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from panel import first_run


class FirstAdministratorForm(BaseUserCreationForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Name, password, and the address that a forgotten password is mailed to."""

    class Meta:
        model = get_user_model()
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        email = self.fields["email"]
        email.required = False
        email.label = _("Email address (optional)")
        email.help_text = _("Where a link goes when you forget your password.")
        email.widget = forms.EmailInput(attrs={"autocomplete": "email"})
        self.fields["username"].help_text = ""


@sensitive_post_parameters()
@sensitive_variables("token")
@never_cache
def setup(request: HttpRequest, token: str) -> HttpResponse:
    if not first_run.is_valid(token):
        raise Http404
    form = FirstAdministratorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            administrator = first_run.create_administrator(
                token,
                username=form.cleaned_data["username"],
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password1"],
            )
        except first_run.LinkUsed:
            raise Http404 from None
        login(request, cast(User, administrator), backend="django.contrib.auth.backends.ModelBackend")
        return redirect("admin:smtpadmin_profile_add")
    return render(request, "panel/setup.html", {"form": form, "title": _("Create the first administrator")})
