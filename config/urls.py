"""The addresses of this deployment: the panel's, at the root, and its error pages."""

from django.urls import include, path

from panel import errors

urlpatterns = [path("", include("panel.urls"))]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
