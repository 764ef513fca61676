"""Alerts: telling people that something is wrong, and that it is over, by another way than the one that fails.

    alert      what is told, as a value            mail       through another profile
    texts      what it says, in both languages     webhook    a signed POST to an address of one's own
    writing    from an incident to an alert        services   chats and push services, through Apprise
    notices    who is to be told what, and when    channels   which of these; secrets in and out
    coverage   whom nobody would hear of
    outcome    what became of it                   telling    the round that a worker makes

Which incidents there are is `incidents`' business. Nothing here waits for a person, and nothing here delays mail.
"""
