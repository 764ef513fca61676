"""The words that pages and commands share: no request, no HTML, and no need of Django's admin.

certificates  what a server showed, and which part of it is wrong
figures   times and numbers as people write them
health    how a profile is: the badge of its last test, its pause, its dangers
results   a test's steps and its outcome
"""
