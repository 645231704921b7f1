"""One account's whole state, its canonical JSON form and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sync_pipeline.model.privilege import (
    AccountSetting,
    Grant,
    GrantScope,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)

AttributeValue = str | int | float | bool | None


class AccountKind(StrEnum):
    """What an account is."""

    USER = "user"
    LOGIN = "login"
    GROUP = "group"
    ROLE = "role"
    APPLICATION_ROLE = "application role"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class AccountState:
    """Everything an account is and may do, as one instance reported it.

    `database` is the database whose catalog the account lives in; empty: the server's.
    `attributes` are name and value pairs of the accounts section: authentication
    plugin, expiry (ISO 8601, UTC), limits. Which sections were read is a property of
    the instance, not of the account: the store keeps it beside (`SectionState`).
    `is_system` marks what the server says it made for itself, where it says so. It tells a
    sync what to leave out and is no part of the stored state.
    """

    name: str
    kind: AccountKind
    can_login: bool
    is_locked: bool = False
    is_superuser: bool = False
    database: str = ""
    attributes: tuple[tuple[str, AttributeValue], ...] = ()
    memberships: tuple[Membership, ...] = ()
    settings: tuple[AccountSetting, ...] = ()
    grants: tuple[Grant, ...] = ()
    is_system: bool = field(default=False, compare=False)
    _is_canonical: bool = field(default=False, init=False, compare=False, repr=False)

    def section(self, name: SectionName) -> SectionKey:
        """Return the section in which a part of this account is read."""
        return SectionKey(name, self.database)

    def canonical(self) -> AccountState:
        """Return the same state with every collection sorted and without repeats.

        A state that this made is known to be canonical, and is not sorted again.
        """
        if self._is_canonical:
            return self
        state = replace(
            self,
            attributes=tuple(sorted(dict(self.attributes).items())),
            memberships=tuple(sorted(set(self.memberships), key=repr)),
            settings=tuple(sorted(set(self.settings))),
            grants=tuple(sorted(set(self.grants))),
        )
        object.__setattr__(state, "_is_canonical", True)
        return state

    def trusted(self) -> AccountState:
        """Return this state, marked as what `canonical` made: for who reads what that wrote."""
        object.__setattr__(self, "_is_canonical", True)
        return self

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 (hex) of the canonical JSON: equal states, equal digests."""
        return hashlib.sha256(canonical_json(self.to_json()).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the canonical form as JSON values: what the store keeps."""
        state = self.canonical()
        return {
            "name": state.name,
            "kind": str(state.kind),
            "can_login": state.can_login,
            "is_locked": state.is_locked,
            "is_superuser": state.is_superuser,
            **({"database": state.database} if state.database else {}),
            "attributes": dict(state.attributes),
            "memberships": [membership_to_json(m) for m in state.memberships],
            "settings": [setting_to_json(s) for s in state.settings],
            "grants": [grant_to_json(g) for g in state.grants],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> AccountState:
        """Read what `to_json` wrote."""
        return cls(
            name=value["name"],
            kind=AccountKind(value["kind"]),
            can_login=value["can_login"],
            is_locked=value["is_locked"],
            is_superuser=value["is_superuser"],
            database=value.get("database", ""),
            attributes=tuple(sorted(value["attributes"].items())),
            memberships=tuple(membership_from_json(m) for m in value["memberships"]),
            settings=tuple(setting_from_json(s) for s in value["settings"]),
            grants=tuple(grant_from_json(g) for g in value["grants"]),
        ).canonical()


def canonical_json(value: Any) -> str:
    """Return JSON text that is equal for equal values: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def grant_to_json(grant: Grant) -> dict[str, Any]:
    """Return a grant as a flat JSON object; empty parts are left out."""
    on = grant.securable
    value: dict[str, Any] = {
        "privilege": grant.privilege,
        "kind": on.kind.value,
        "grantable": grant.grantable,
    }
    parts = (
        ("database", on.database),
        ("schema", on.schema),
        ("object", on.name),
        ("column", on.column),
        ("catalog", on.catalog),
        ("grantor", grant.grantor),
        ("scope", grant.scope.value),
    )
    value.update({name: text for name, text in parts if text})
    if grant.deny:
        value["deny"] = True
    if not grant.recognised:
        value["unrecognised"] = True
    return value


def grant_from_json(value: dict[str, Any]) -> Grant:
    """Read what `grant_to_json` wrote."""
    return Grant(
        securable=Securable(
            kind=SecurableKind(value["kind"]),
            database=value.get("database", ""),
            schema=value.get("schema", ""),
            name=value.get("object", ""),
            column=value.get("column", ""),
            catalog=value.get("catalog", ""),
        ),
        privilege=value["privilege"],
        grantable=value["grantable"],
        deny=value.get("deny", False),
        grantor=value.get("grantor", ""),
        recognised=not value.get("unrecognised", False),
        scope=GrantScope(value.get("scope", "")),
    )


def membership_to_json(membership: Membership) -> dict[str, Any]:
    """Return a membership as JSON values; options the engine lacks are null."""
    return {
        "role": membership.role,
        "admin": membership.admin,
        "inherit": membership.inherit,
        "set": membership.set_role,
        "default": membership.default,
        "grantor": membership.grantor,
        **({"scope": membership.scope.value} if membership.scope else {}),
    }


def membership_from_json(value: dict[str, Any]) -> Membership:
    """Read what `membership_to_json` wrote."""
    return Membership(
        role=value["role"],
        admin=value["admin"],
        inherit=value["inherit"],
        set_role=value["set"],
        default=value["default"],
        grantor=value["grantor"],
        scope=GrantScope(value.get("scope", "")),
    )


def setting_to_json(setting: AccountSetting) -> dict[str, Any]:
    """Return an account setting as JSON values."""
    return {"database": setting.database, "name": setting.name, "value": setting.value}


def setting_from_json(value: dict[str, Any]) -> AccountSetting:
    """Read what `setting_to_json` wrote."""
    return AccountSetting(value["database"], value["name"], value["value"])
