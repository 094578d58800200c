"""`make down`: stops every instance of this clone and its servers; data stays."""

from operations import instance, servers
from operations.screen import say, step
from operations.supervision import Supervisor


def main(_: list[str]) -> int:
    stopped = False
    for name in servers.INSTANCES:
        run = instance.run_folder(name)
        if run.exists():
            supervisor = Supervisor(run, [], {})
            if supervisor.alive():
                with step(f"stopping {name}"):
                    supervisor.stop()
                stopped = True
            else:
                supervisor.end_leftovers()
    if servers.CLUSTER.exists():
        with step("stopping PostgreSQL and RabbitMQ"):
            servers.stop()
        stopped = True
    say("  Down. `make up` goes on with the same data." if stopped else "  Nothing was running.")
    return 0
