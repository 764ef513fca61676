"""The shop's addresses: the admin with smtpadmin in it, Django's own password reset, and an order form."""

from django.contrib import admin
from django.urls import include, path

from shop.views import order

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
    path("order/", order),
]
