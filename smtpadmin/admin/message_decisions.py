"""What one press does with messages: try now, cancel, send again, leave. For one on its page, for some in the list.

What can still be done is decided by `outbox.decisions` in one statement; here people are asked where it cannot be taken
back, and told what happened when somebody or something was faster. Each decision is a POST and is logged.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin, action, helpers
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST

from smtpadmin import outbox
from smtpadmin.admin import history
from smtpadmin.admin.message_words import state_word
from smtpadmin.admin.pages import Pages
from smtpadmin.crypto import CryptoError
from smtpadmin.models import Message, State

if TYPE_CHECKING:
    MessageModelAdmin = ModelAdmin[Message]
else:
    MessageModelAdmin = ModelAdmin

#: How many messages one press may decide about: a page of the list.
MOST_AT_ONCE = 100

# No database has longer ones.
_ID = re.compile(r"[0-9]{1,18}")

_Text = str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What people are asked first, where it cannot be taken back."""

    title: _Text
    text: _Text
    yes: _Text
    no: _Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One thing that can be decided. `done` has a plural; `act` says whether it could still be done."""

    key: str
    label: _Text
    states: frozenset[State]
    #: Whether anything is sent by it, for which there has to be a profile and a text.
    sends: bool
    act: Callable[[int], bool]
    done: Any
    question: Question | None = None

    def fits(self, message: Message, *, has_text: bool) -> bool:
        """Say whether it is worth offering for a message."""
        if message.state not in self.states:
            return False
        return not self.sends or (has_text and message.profile_id is not None)


RETRY = Decision(
    key="retry",
    label=pgettext_lazy("message", "Try now"),
    states=frozenset({State.QUEUED, State.FAILED}),
    sends=True,
    act=outbox.retry_now,
    done=ngettext_lazy("The message is tried at once.", "%(count)d messages are tried at once.", "count"),
)
CANCEL = Decision(
    key="cancel",
    label=pgettext_lazy("message", "Cancel"),
    states=frozenset({State.QUEUED}),
    sends=False,
    act=outbox.cancel,
    done=ngettext_lazy(
        "The message is cancelled and will not be sent.", "%(count)d messages are cancelled and will not be sent.",
        "count",
    ),
    question=Question(
        title=gettext_lazy("Cancel sending?"),
        text=gettext_lazy(
            "What is cancelled is not sent any more, and its text is destroyed. This cannot be taken back."
        ),
        yes=gettext_lazy("Yes, do not send"),
        no=gettext_lazy("No, keep waiting"),
    ),
)  # fmt: skip
RESEND = Decision(
    key="resend",
    label=pgettext_lazy("message", "Send again"),
    states=frozenset({State.UNCERTAIN}),
    sends=True,
    act=outbox.resend,
    done=ngettext_lazy("The message is sent again.", "%(count)d messages are sent again.", "count"),
    question=Question(
        title=gettext_lazy("Send again what may have arrived?"),
        text=gettext_lazy(
            "Nobody knows whether this was delivered: no answer came after the whole message had left. If it was, the "
            "recipient gets it twice."
        ),
        yes=gettext_lazy("Yes, send again"),
        no=gettext_lazy("No, not now"),
    ),
)
GIVE_UP = Decision(
    key="give-up",
    label=pgettext_lazy("message", "Do not send again"),
    states=frozenset({State.UNCERTAIN}),
    sends=False,
    act=outbox.give_up,
    done=ngettext_lazy(
        "The message is closed and will not be sent again.",
        "%(count)d messages are closed and will not be sent again.",
        "count",
    ),
    question=Question(
        title=gettext_lazy("Close without sending again?"),
        text=gettext_lazy(
            "This is not sent again, and its text is destroyed. Whether it arrived stays unknown: if that matters, ask "
            "the recipient or look into the provider’s log first."
        ),
        yes=gettext_lazy("Yes, close"),
        no=gettext_lazy("No, not now"),
    ),
)
DECISIONS = (RETRY, RESEND, GIVE_UP, CANCEL)
_COPY = Question(
    title=gettext_lazy("Send it once more?"),
    text=gettext_lazy(
        "The server has accepted it for everyone already. A copy goes to all its recipients as a new message."
    ),
    yes=gettext_lazy("Yes, send a copy"),
    no=gettext_lazy("No, not now"),
)


def may_decide(request: HttpRequest) -> bool:
    """Say whether this user may decide about messages."""
    return request.user.has_perm("smtpadmin.decide_message")


class DecisionViews(Pages):
    """The small forms of a message's page."""

    def urls(self) -> list[URLPattern]:
        decisions = [
            self.page(f"<int:pk>/{each.key}/", require_POST(partial(self.decide, decision=each)), f"message_{each.key}")
            for each in DECISIONS
        ]
        return [*decisions, self.page("<int:pk>/copy/", require_POST(self.copy), "message_copy")]

    def decide(self, request: HttpRequest, pk: int, *, decision: Decision) -> HttpResponseBase:
        message = self._to_decide(request, pk)
        if decision.question is not None and not _is_confirmed(request):
            return self._ask(request, message, decision.question)
        if decision.act(pk):
            self.admin.log_change(request, message, history.event(f"message_{decision.key}"))
            messages.success(request, decision.done % {"count": 1})
        else:
            self._tell_change(request, message)
        return self._back(request, pk)

    def copy(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        if locked := self.locked(request):
            return locked
        message = self._to_decide(request, pk)
        if not _is_confirmed(request):
            return self._ask(request, message, _COPY)
        try:
            queued = outbox.send_again(pk)
        except CryptoError:
            messages.error(request, _("Nothing was sent: the stored text cannot be opened with the keys that are set."))
            return self._back(request, pk)
        if queued is None:
            self._tell_change(request, message)
            return self._back(request, pk)
        copy = Message.objects.get(pk=queued.id)
        self.admin.log_change(request, message, history.event("message_copied", detail=copy.uid))
        self.admin.log_addition(request, copy, history.event("message_copy", detail=message.uid))
        messages.success(request, _("A copy is on its way. This is its page."))
        return self._back(request, queued.id)

    def _to_decide(self, request: HttpRequest, pk: int) -> Message:
        message: Message | None = self.admin.get_object(request, str(pk))
        if not self.admin.has_view_permission(request) or not may_decide(request):
            raise PermissionDenied
        if message is None:
            raise Http404
        return message

    def _ask(self, request: HttpRequest, message: Message, question: Question) -> HttpResponseBase:
        context = {
            "title": question.title,
            "question": question,
            "message": message,
            "names": list(message.recipients.order_by("id").values_list("address", flat=True)[:3]),
            "others": max(message.recipients_total - 3, 0),
            "back_url": self._address(request, message.pk),
        }
        return self.render(request, "smtpadmin/message_question.html", context)

    def _tell_change(self, request: HttpRequest, message: Message) -> None:
        """Say that something was faster, and what the message is now."""
        now = Message.objects.filter(pk=message.pk).first()
        if now is None:
            text = _("Nothing was changed: the message is not in the log any more.")
        else:
            text = _("Nothing was changed: that is no longer possible. State of the message: %(state)s.") % {
                "state": state_word(now).label
            }
        messages.warning(request, text)

    def _address(self, request: HttpRequest, pk: int) -> str:
        query = request.GET.urlencode()
        return self.url("message_change", pk) + (f"?{query}" if query else "")

    def _back(self, request: HttpRequest, pk: int) -> HttpResponseRedirect:
        return HttpResponseRedirect(self._address(request, pk))


def _is_confirmed(request: HttpRequest) -> bool:
    return request.POST.get("confirmed") == "yes"


class BulkDecisions(MessageModelAdmin):
    """The decisions as actions of the list; `has_decide_permission` says whose."""

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return may_decide(request)

    def response_action(
        self,
        request: HttpRequest,
        queryset: QuerySet[Message],
        *where: Any,  # Django 6.1 tells the place on the page
        **places: Any,
    ) -> HttpResponse | None:
        """Take the ticked messages of a page, and nothing else: “all 10,000” is a slip of the hand."""
        ticked = request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)
        across = request.POST.get("select_across", "0") not in ("", "0")
        if across or len(ticked) > MOST_AT_ONCE or not all(_ID.fullmatch(pk) for pk in ticked):
            text = _("Nothing was changed: tick at most %(count)d messages at once.") % {"count": MOST_AT_ONCE}
            messages.error(request, text)
            return None
        return super().response_action(request, queryset, *where, **places)

    @action(description=pgettext_lazy("message", "Try now"), permissions=["decide"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Message]) -> HttpResponse | None:  # noqa: ARG002  Django's signature
        return _decide_all(self, request, RETRY)

    @action(description=pgettext_lazy("message", "Cancel"), permissions=["decide"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Message]) -> HttpResponse | None:  # noqa: ARG002  Django's signature
        return _decide_all(self, request, CANCEL)

    @action(description=gettext_lazy("Send again (unclear ones)"), permissions=["decide"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Message]) -> HttpResponse | None:  # noqa: ARG002  Django's signature
        return _decide_all(self, request, RESEND)

    @action(description=gettext_lazy("Do not send again (unclear ones)"), permissions=["decide"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[Message]) -> HttpResponse | None:  # noqa: ARG002  Django's signature
        return _decide_all(self, request, GIVE_UP)


def _decide_all(model_admin: MessageModelAdmin, request: HttpRequest, decision: Decision) -> HttpResponse | None:
    """Decide about the ticked messages. Those that the filters no longer show are among them: they were ticked."""
    ids = [int(pk) for pk in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)]
    if decision.question is not None and not _is_confirmed(request):
        return _ask_about_all(model_admin, request, decision, ids)
    done = 0
    for message in Message.objects.filter(pk__in=ids):
        if decision.act(message.pk):
            model_admin.log_change(request, message, history.event(f"message_{decision.key}"))
            done += 1
    if done:
        messages.success(request, decision.done % {"count": done})
    if left := len(ids) - done:
        text = ngettext(
            "%(count)d message was left as it was: in its state that is not possible.",
            "%(count)d messages were left as they were: in their state that is not possible.",
            left,
        )
        messages.warning(request, text % {"count": left})
    return None


def _ask_about_all(
    model_admin: MessageModelAdmin, request: HttpRequest, decision: Decision, ids: Sequence[int]
) -> TemplateResponse:
    assert decision.question is not None  # noqa: S101  asked for
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "media": "",
        "title": decision.question.title,
        "question": decision.question,
        "ids": ids,
        "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        "action": request.POST.get("action", ""),
        "back_url": request.get_full_path(),
    }
    return TemplateResponse(request, "smtpadmin/message_question.html", context)
