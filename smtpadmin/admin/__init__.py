"""The pages: the only code that sees a request.

    profile         list, add, change, delete, history       send_test       the test page and its stream
    forms, rules    what may be saved                        state_views     default, enable, disable, duplicate
    form_fields, layout, form_page, live_check, presets,     provider_pages  list and guide of providers
    preset_limits   the form around it                       dashboard       health at a glance
    history         who changed what                         guide, usage, columns, pages: shared parts
    locked          why nothing can be done now              workers         whether anything sends
    finding         settings for an address, step by step    other_ways      what works in place of a test that failed
    route           which profile, and why                   bundle          what somebody who helps has to know
    messages        the log of messages, and what is in the modules it names: message_*
    alerts          who is told when something is wrong, with alerts_form and alerts_words

What may happen to a profile is `profiles`', to a message `outbox`'s, how a test runs is `testing`'s; the words that
commands need as well are in `wording`.
"""

from smtpadmin.admin.alerts import AlertChannelAdmin
from smtpadmin.admin.messages import MessageAdmin
from smtpadmin.admin.profile import ProfileAdmin

__all__ = ["AlertChannelAdmin", "MessageAdmin", "ProfileAdmin"]
