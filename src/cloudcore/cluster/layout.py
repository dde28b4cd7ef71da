"""What is where in JetStream. `ID` is a delivery stream's identity, 32 hexadecimal digits of its own.

    cc-ID-log       subject cloudcore.log.ID: a message is a batch of framed records (firehose/records.py),
                    its header Cc-Count says how many. Cc-Fed, Cc-Origins: of a source (feeding.py);
                    Cc-Sealed: encrypted (sealing.py). Sequences have no holes.
    cc-ID-plans     subject cloudcore.plans.ID: a message is a Plan; who follows it has the consumer "deliver"
    KV_cloudcore_catalogue  <account>.<region>.<name> -> the description of a delivery stream
    KV_cloudcore_leases     node.<NAME>, lead.<ID>, feed.<ID>, source.<UUID> and durable.<ACCOUNT>.<REGION>.
                            <FUNCTION>; each goes by itself when it is not renewed
    cloudcore.flush.ID      without JetStream: asks whoever leads a stream to cut now

    cc-tables-ACCOUNT-REGION-RANGE  subjects cloudcore.tables.ACCOUNT.REGION.RANGE.requests, .lease: the
                            log of all tables of an account in a region (docs/internals/cluster.md)
    cc-checkpoints          subjects cloudcore.checkpoints.ACCOUNT.REGION.RANGE.SEQUENCE-ID: the parts of a
                            checkpoint of such tables (tables/checkpoint.py)
    cc-backups              subjects cloudcore.backups.ACCOUNT.REGION.RANGE.ID_UPLOAD: the parts of a backup
                            of a table (tables/images.py)
    cc-archives             subjects cloudcore.archives.ACCOUNT.REGION.RANGE.ID.FILE: what point-in-time
                            recovery keeps (tables/archives.py)
    cc-functions-ACCOUNT-REGION     subjects cloudcore.functions.ACCOUNT.REGION.KIND.NAME: what functions are
    cc-events-ACCOUNT-REGION        subjects cloudcore.events.ACCOUNT.REGION.run, .rest.ID: events to run
    cc-places-ACCOUNT-REGION        subjects cloudcore.places.ACCOUNT.REGION.UUID: how far event sources came
    cc-durable-ACCOUNT-REGION       subjects cloudcore.durable.ACCOUNT.REGION.FUNCTION: journals of executions
    cc-notes                subjects cloudcore.notes.ID.PLAN: the keys of a plan of several objects (notes.py)
    cc-blobs                subjects cloudcore.blobs.SHA256.PART: deployment packages
    cloudcore.node.INSTANCE without JetStream: what nodes ask each other, and others ask them (asking.py)
    cloudcore.room          without JetStream: nodes that have room for a call answer, one of them each time
"""

from __future__ import annotations

from importlib.metadata import version

VERSION = version("cloudcore")
"""Of this node; all that follow a log of tables have one."""
COUNT, ORIGINS, SEALED = "Cc-Count", "Cc-Origins", "Cc-Sealed"
BATCH_BYTES = (1 << 20) - 65_536
"""Of records in a message of a source, beside which its headers have room in a MiB."""
CONSUMER = "deliver"
CATALOGUE, LEASES = "cloudcore_catalogue", "cloudcore_leases"
LEASE_S = 3.0
"""How long a lease lasts that is not renewed: what a fail-over waits for at most."""
ACK_WAIT_S = 5.0
"""How long a plan is a node's that says nothing: then another node gets it."""
PLACE_BITS = 20
"""A record's sequence number is its message's, times 2**20, plus its place in it."""


def log_of(identity: str) -> str:
    return f"cc-{identity}-log"


def log_subject(identity: str) -> str:
    return f"cloudcore.log.{identity}"


def plans_of(identity: str) -> str:
    return f"cc-{identity}-plans"


def plans_subject(identity: str) -> str:
    return f"cloudcore.plans.{identity}"


def flush_subject(identity: str) -> str:
    return f"cloudcore.flush.{identity}"


def catalogue_key(account: str, region: str, name: str) -> str:
    """A key of the catalogue. A stream's name may have dots, at its ends too, where a key may have none; a
    slash it has never."""
    return f"{account}.{region}.{name.replace('.', '/')}"


def of_catalogue_key(key: str) -> tuple[str, str, str]:
    """The inverse: account, region, name."""
    account, region, name = key.split(".", 2)
    return account, region, name.replace("/", ".")


ALL = "all"
"""The range of keys that begins with the hash 0: all of them, unless it was split. Others are called by their
first hash, 16 hexadecimal digits."""
TABLES = "cloudcore.tables"


def tables_log(account: str, region: str, range: str = ALL) -> str:
    return f"cc-tables-{account}-{region}-{range}"


def tables_subject(account: str, region: str, range: str = ALL) -> str:
    """What the subjects of a log of tables begin with."""
    return f"{TABLES}.{account}.{region}.{range}"


def of_tables_log(name: str) -> tuple[str, str, str] | None:
    """Account, region and range of a log of tables; None for another stream."""
    account, _, rest = name.removeprefix("cc-tables-").partition("-")
    region, _, range_ = rest.rpartition("-")
    return (account, region, range_) if name.startswith("cc-tables-") and region else None


def first_of(range_: str) -> int:
    """The first hash of a range."""
    return 0 if range_ == ALL else int(range_, 16)


def range_from(first: int) -> str:
    """The range that begins with a hash."""
    return f"{first:016x}" if first else ALL


CHECKPOINTS = "cc-checkpoints"


def checkpoint_subject(account: str, region: str, identity: str, range: str = ALL) -> str:
    """Where the parts of a checkpoint are; "*" in the place of any."""
    return f"cloudcore.checkpoints.{account}.{region}.{range}.{identity}"


BACKUPS, ARCHIVES = "cc-backups", "cc-archives"


def backup_subject(account: str, region: str, identity: str, range: str = ALL) -> str:
    """Where the parts of a backup's image are; "*" in the place of any."""
    return f"cloudcore.backups.{account}.{region}.{range}.{identity}"


def archive_subject(account: str, region: str, identity: str, name: str, range: str = ALL) -> str:
    """Where the parts of a file of an archive are; "*" in the place of any."""
    return f"cloudcore.archives.{account}.{region}.{range}.{identity}.{name}"


def node_subject(instance: str) -> str:
    return f"cloudcore.node.{instance}"


FUNCTIONS = "cloudcore.functions"
BLOBS = "cc-blobs"


def functions_log(account: str, region: str) -> str:
    return f"cc-functions-{account}-{region}"


def of_functions_log(name: str) -> tuple[str, str] | None:
    """Account and region of a log of functions; None for another stream."""
    account, _, region = name.removeprefix("cc-functions-").partition("-")
    return (account, region) if name.startswith("cc-functions-") and region else None


def functions_subject(account: str, region: str) -> str:
    return f"{FUNCTIONS}.{account}.{region}"


def blob_subject(name: str, part: int | str) -> str:
    return f"cloudcore.blobs.{name}.{part}"


ROOM = "cloudcore.room"
NOTES = "cc-notes"


def note_subject(identity: str, plan: int | str) -> str:
    return f"cloudcore.notes.{identity}.{plan}"


def events_log(account: str, region: str) -> str:
    return f"cc-events-{account}-{region}"


def events_subject(account: str, region: str) -> str:
    return f"cloudcore.events.{account}.{region}"


def durable_log(account: str, region: str) -> str:
    return f"cc-durable-{account}-{region}"


def durable_subject(account: str, region: str) -> str:
    return f"cloudcore.durable.{account}.{region}"


def places_log(account: str, region: str) -> str:
    return f"cc-places-{account}-{region}"


def places_subject(account: str, region: str) -> str:
    return f"cloudcore.places.{account}.{region}"
