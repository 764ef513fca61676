"""Strings of Django's admin that Django's own Simplified Chinese lacks, in 5.2 or in 6.1, or says in another way.

Other than ours: it has a space before the thing that is added or changed, and another word for “add”. Nothing calls
this: `makemessages` collects the strings from here into the panel's catalogue, which comes first.
"""

from django.utils.translation import gettext_noop, ngettext

STRINGS = (
    gettext_noop("Add %s"),
    gettext_noop("Add %(name)s"),
    gettext_noop("Change %s"),
    gettext_noop("View %s"),
    gettext_noop("Save and add another"),
    gettext_noop("Error:"),
    gettext_noop("Model name"),
    gettext_noop("Add link"),
    gettext_noop("Change or view list link"),
    gettext_noop("After you’ve created a user, you’ll be able to edit more user options."),
    gettext_noop("In case you’ve forgotten, you are:"),
    gettext_noop("Forgotten your login credentials?"),
    gettext_noop("Logout"),
    gettext_noop("Filter by %(field_name)s"),
    gettext_noop('The app "%s" could not be found.'),
    gettext_noop("- Select an option -"),
)


def plurals(count: int) -> tuple[str, str]:
    """Return the two that have a plural."""
    return (
        ngettext(
            "This password is too short. It must contain at least %d character.",
            "This password is too short. It must contain at least %d characters.",
            count,
        ),
        ngettext("…and %(count)d more object.", "…and %(count)d more objects.", count),
    )
