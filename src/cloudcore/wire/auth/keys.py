"""Access keys and what their holders may do, from a TOML or JSON file.

    [[key]]
    id = "AKIAEXAMPLE000000001"
    secret = "..."
    user = "ann"                       # the ARN is arn:aws:iam::<account>:user/ann
    account = "000000000000"           # default
    policies = ["read.json"]           # documents: files beside this one, or tables written here

A key without policies may do nothing: nothing said is a denial. `policies = ["*"]` allows everything.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from typing import Any

from cloudcore.wire.auth.policy import Policy, PolicyError

ALL = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


@dataclass(frozen=True)
class Key:
    """One access key."""

    id: str
    secret: str
    user: str
    account: str
    policies: tuple[Policy, ...]

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user/{self.user}"


class Keys:
    """The keys of a file, by id. Raises ValueError that says what in it is wrong, OSError."""

    _secret: str | None = None

    def __init__(self, path: str | os.PathLike[str], account: str = "000000000000"):
        self._directory = os.path.dirname(os.path.abspath(os.fspath(path)))
        with open(path, "rb") as file:
            data = file.read()
        try:
            found = json.loads(data) if data.lstrip()[:1] == b"{" else tomllib.loads(data.decode())
        except (ValueError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: {error}") from None
        entries = found.get("key", found.get("keys"))
        if not isinstance(entries, list) or not entries:
            raise ValueError(f"{path}: there is no [[key]]")
        self._keys: dict[str, Key] = {}
        for at, entry in enumerate(entries):
            key = self._key(entry, f"{path}: key {at + 1}", account)
            if key.id in self._keys:
                raise ValueError(f"{path}: two keys have the id {key.id}")
            self._keys[key.id] = key

    @classmethod
    def of_functions(cls, secret: str) -> Keys:
        """What functions sign with: their account as the key's id, one secret, everything allowed."""
        made = cls.__new__(cls)
        made._keys = {}
        made._secret = secret
        return made

    def find(self, access_key: str) -> Key | None:
        """The key of an id."""
        if self._secret is not None and len(access_key) == 12 and access_key.isdigit():
            return Key(access_key, self._secret, "function", access_key, (Policy(ALL),))
        return self._keys.get(access_key)

    def _key(self, entry: Any, where: str, account: str) -> Key:
        if not isinstance(entry, dict) or set(entry) - {"id", "secret", "user", "account", "policies"}:
            raise ValueError(f"{where}: members are id, secret, user, account and policies")
        for name in ("id", "secret"):
            if not isinstance(entry.get(name), str) or not entry[name]:
                raise ValueError(f"{where}: {name} is missing")
        account = str(entry.get("account", account))
        if len(account) != 12 or not account.isdigit():
            raise ValueError(f"{where}: an account is 12 digits, not {account!r}")
        given = entry.get("policies", [])
        if not isinstance(given, list):
            raise ValueError(f"{where}: policies is a list")
        policies = tuple(self._policy(one, where) for one in given)
        return Key(entry["id"], entry["secret"], str(entry.get("user", entry["id"])), account, policies)

    def _policy(self, given: Any, where: str) -> Policy:
        if given == "*":
            return Policy(ALL)
        if not isinstance(given, str):
            return Policy(given, where)
        path = os.path.join(self._directory, given)
        with open(path, "rb") as file:
            try:
                return Policy(json.load(file), path)
            except PolicyError:
                raise
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
