"""Why controls of benchmarks are not checked, where several have one reason."""

from __future__ import annotations

HOST = "It is about the host and its files, of which a connection to the server sees nothing."
PEOPLE = "What an account needs is for people to say: no catalog tells what was meant."
CLIENTS = "It is about programs and people who connect, of which the server sees nothing."
OTHER_CHAPTER = "It is about the settings of the server and not about accounts and privileges."
NOT_READ = "The account sync does not read this setting."
OPTIONAL_TLS = (
    "Whether require_secure_transport is ON is not asked where each account requires TLS itself."
)
