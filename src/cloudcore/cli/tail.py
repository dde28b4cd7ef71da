"""Follow files and put their new lines into a delivery stream: the agent.

    cloudcore tail /var/log/app.log '/var/log/web/*.log' --stream logs

A line is a record, with its line break. Rotation by renaming, by truncating and by copying is followed; where
each file was left is in the checkpoint file, which is written when the stream acknowledged: a restart sends
again at most what was under way. A stream that is not there yet, or takes nothing now, is asked again.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading

from cloudcore.cli.connection import Refusal, add_target, connect


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `tail` takes."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a path or a pattern")
    parser.add_argument("--stream", required=True, metavar="NAME")
    parser.add_argument("--checkpoint", metavar="FILE", help="default: .cloudcore-tail-NAME.json")
    parser.add_argument("--from-end", action="store_true", help="files without a checkpoint: new lines only")
    parser.add_argument("--once", action="store_true", help="send what is there, and end")
    parser.add_argument("--interval", type=float, default=0.5, metavar="SECONDS", help="between two looks")
    add_target(parser)


def run(options: argparse.Namespace) -> int:
    """0 after --once, SIGTERM or SIGINT."""
    from cloudcore.cli.following import Follower

    if options.interval <= 0:
        raise Refusal("--interval must be more than 0")
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    checkpoint = options.checkpoint or f".cloudcore-tail-{options.stream}.json"
    with connect(options) as connection:

        def put(records: list[str]) -> list[bool]:
            answer = connection.call(
                "firehose", "PutRecordBatch",
                {"DeliveryStreamName": options.stream, "Records": [{"Data": data} for data in records]},
            )  # fmt: skip
            return ["ErrorCode" not in one for one in answer["RequestResponses"]]

        follower = Follower(options.files, os.path.abspath(checkpoint), put, options.from_end)
        sent = follower.run(stop, options.once, options.interval)
    print(f"{sent} records")
    return 0
