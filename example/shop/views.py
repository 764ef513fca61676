"""A page that sends a notification."""

import django
from django.core.mail import get_connection, send_mail
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def order(request: HttpRequest) -> HttpResponse:
    """Take an order and tell the buyer, through the SMTP profile with the short name `alerts`."""
    if request.method != "POST":
        return render(request, "shop/order.html")
    text = "Thank you! Your order is on its way."
    # No From: the profile's is used.
    if django.VERSION >= (6, 1):
        send_mail("Order received", text, None, [request.POST["email"]], using="alerts")
    else:
        send_mail("Order received", text, None, [request.POST["email"]], connection=get_connection(profile="alerts"))
    return HttpResponse("Thank you!")
