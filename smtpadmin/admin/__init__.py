"""The pages: the only code that sees a request.

    profile         list, add, change, delete, history       send_test       the test page and its stream
    forms, rules    what may be saved                        results         steps and outcome in words
    form_fields, layout, form_page, live_check, presets,     state_views     default, enable, disable, duplicate
    preset_limits   the form around it                       provider_pages  list and guide of providers
    history         who changed what                         dashboard       health at a glance
    locked          why nothing can be done now              health, guide, usage, columns, pages: shared parts
    messages        the log of messages, and what is in the modules it names: message_*
    workers         whether anything sends                   wording         times and numbers

What may happen to a profile is `profiles`', to a message `outbox`'s, how a test runs is `testing`'s.
"""

from smtpadmin.admin.messages import MessageAdmin
from smtpadmin.admin.profile import ProfileAdmin

__all__ = ["MessageAdmin", "ProfileAdmin"]
