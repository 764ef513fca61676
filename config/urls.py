"""The addresses of this deployment: the panel's, at the root."""

from django.urls import include, path

urlpatterns = [path("", include("panel.urls"))]
