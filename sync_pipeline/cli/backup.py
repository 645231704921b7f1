"""`sync-pipeline backup` and `sync-pipeline restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync_pipeline.cli.context import say, say_beside, show_json, shown_time, utc_now
from sync_pipeline.cli.output import JsonOption


def backup(
    directory: Annotated[Path, typer.Argument(help="A new directory; it is made.")],
    *,
    with_key: Annotated[
        bool,
        typer.Option("--with-key", help="Also the key: then it is as secret as the passwords."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy the store, and the key where asked, into a new directory while all goes on.

    The directory is there whole, or not at all, and nobody else may enter it.
    """
    from sync_pipeline.files.private import secure_home
    from sync_pipeline.settings import Settings
    from sync_pipeline.workflows.backup.taking import take_backup

    settings = Settings.load()
    secure_home(settings.home)
    made = take_backup(settings, directory, utc_now(), with_key=with_key)
    manifest = made.manifest
    if as_json:
        show_json(
            {
                "directory": str(directory.absolute()),
                "made_at": manifest.made_at,
                "store": manifest.store,
                "revision": manifest.revision,
                "bytes": sum(item.bytes for item in manifest.pieces.values()),
                "encrypted_secrets": made.sealed,
                "has_key": manifest.has_key,
            }
        )
    else:
        size = sum(item.bytes for item in manifest.pieces.values())
        say(f"{directory} has the store of {shown_time(manifest.made_at)}, {size:,} bytes.")
    if with_key:
        say_beside(
            "It holds the key: whoever has it has every password of the fleet. Keep it as such."
        )
    elif made.sealed:
        say_beside(
            f"It is of no use without the key, which opens its {made.sealed} encrypted secrets: "
            "keep a copy of the key apart from it."
        )


def restore(
    directory: Annotated[Path, typer.Argument(help="The directory that `backup` made.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where there is a store that is not empty.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Look whether it could be done, and change nothing.")
    ] = False,
    unsealed: Annotated[
        bool, typer.Option("--unsealed", help="Also a backup that no key of ours has sealed.")
    ] = False,
) -> None:
    """Put the store of a backup in the place of the present one, whole or not at all.

    Everything is looked at before: that the backup is what was made, that this version knows its
    tables, that the key opens its secrets, and that nobody uses the store.
    """
    from sync_pipeline.files.private import secure_home
    from sync_pipeline.settings import Settings
    from sync_pipeline.workflows.backup.restoring import Wanted, restore_backup

    settings = Settings.load()
    secure_home(settings.home)
    done = restore_backup(settings, directory, Wanted(replace, unsealed, check))
    manifest = done.manifest
    what = f"the store of {shown_time(manifest.made_at)} (revision {manifest.revision})"
    if check:
        say(f"{directory} can be restored: {what}, {done.sealed} encrypted secrets.")
        return
    say(f"Restored {what}; the key opens its {done.sealed} encrypted secrets.")
    if done.keys_added:
        say(f"{done.keys_added} keys of the backup were added to the key file.")
    if done.before:
        say(f"The store that was there is {done.before}: remove it when you need it no more.")
    say("Next: sync-pipeline doctor, then sync-pipeline up.")
