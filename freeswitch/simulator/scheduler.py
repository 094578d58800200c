"""Tasks that run later, in groups that can be cancelled together: sched_transfer, sched_hangup, sched_api.

Follows switch_scheduler.c: the time is in whole epoch seconds; a group is the leg's uuid.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import gevent


class Scheduler:
    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._tasks: dict[int, tuple[str, gevent.Greenlet[..., None]]] = {}

    def at(self, epoch_s: int, group: str, work: Callable[[], None]) -> int:
        task_id = next(self._ids)

        def run() -> None:
            self._tasks.pop(task_id, None)
            work()

        self._tasks[task_id] = (group, gevent.spawn_later(max(0.0, epoch_s - time.time()), run))
        return task_id

    def cancel_id(self, task_id: int) -> int:
        found = self._tasks.pop(task_id, None)
        if found is not None:
            found[1].kill(block=False)
        return int(found is not None)

    def cancel_group(self, group: str) -> int:
        ids = [task_id for task_id, (of, _) in self._tasks.items() if of == group]
        return sum(self.cancel_id(task_id) for task_id in ids)
