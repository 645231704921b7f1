"""Changing some of the packed accounts, without making what the others are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sync_pipeline.store.worlds.grants import GrantPacker
from sync_pipeline.store.worlds.packed import NOT_UNDERSTOOD, PackedWorld, WorldAccount, WorldError
from sync_pipeline.store.worlds.packing import Packer, pack
from sync_pipeline.store.worlds.reading import read_without_grants


@dataclass(slots=True)
class OpenWorld:
    """Packed accounts that some are to be put among: of the others' grants numbers alone."""

    grants: GrantPacker
    accounts: dict[str, WorldAccount]
    held: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, packed: PackedWorld | None) -> OpenWorld:
        """Open packed accounts; None: there are none.

        Raises:
            WorldError: it is not what was packed.
        """
        if packed is None:
            return cls(GrantPacker(), {}, {})
        accounts = read_without_grants(packed)
        plain = packed.plain_grants()
        try:
            grants, held = GrantPacker.of(plain)
            names = [item.state.name for item in accounts]
            of_names = dict(zip(names, held, strict=True))
        except NOT_UNDERSTOOD as error:
            raise WorldError(f"{type(error).__name__}: {error}") from None
        return cls(grants, dict(zip(names, accounts, strict=True)), of_names)

    def changed(self, new: Mapping[str, WorldAccount], active: Mapping[str, bool]) -> PackedWorld:
        """Return the accounts packed again, the `new` ones in their places or beside them.

        `active` says of some others whether they exist now. No more can be done with this then.

        Raises:
            WorldError: they are more than would be read again.
        """
        if not self.accounts:
            return pack(new[name] for name in sorted(new))
        after = self.accounts
        after.update({name: replace(after[name], is_active=now) for name, now in active.items()})
        after.update(new)
        packer = Packer(self.grants)
        for name in sorted(after):
            packer.add(after[name], None if name in new else self.held[name])
        return packer.packed()
