"""What somebody who helps has to know of a profile and its installation: shown whole, then copied or saved as a file.

What is in it, and what never is, is `support_bundle`'s; `manage.py support_bundle` prints the same.
"""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from smtpadmin import support_bundle
from smtpadmin.admin.pages import Pages


class BundleViews(Pages):
    """The page. It opens in a locked panel too: that is when it is needed."""

    def urls(self) -> list[URLPattern]:
        return [self.page("<int:pk>/support/", self.show, "profile_support")]

    def show(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        profile = self.profile(request, pk)
        if not self.admin.has_change_permission(request, profile):
            raise PermissionDenied
        bundle = support_bundle.collect(profile.slug)
        context = {
            "title": _("Support bundle"),
            "profile": profile,
            # As it is in the bundle: a secret that somebody has typed as the name is cut out of it.
            "name": bundle["profiles"][0]["name"],
            "text": support_bundle.as_markdown(bundle),
            "file_name": f"smtpadmin-{profile.slug}.md",
        }
        response = self.render(request, "smtpadmin/bundle.html", context)
        patch_cache_control(response, no_store=True, private=True)
        return response
