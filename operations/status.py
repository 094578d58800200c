"""`make status`: every process of every instance that runs, and why one is not ready. Exit status 1 then."""

from operations import instance, servers
from operations.places import SERVERS_RUN
from operations.screen import say
from operations.supervision import Supervisor, last_line


def main(_: list[str]) -> int:
    all_well = True
    shared = Supervisor(SERVERS_RUN, [], {})
    say("  servers")
    states = shared.states()
    for name in ("postgres", "rabbitmq", "epmd"):
        state = states.get(name)
        all_well &= _line(name, state.state if state else "STOPPED", state.pid if state else 0,
                          bool(state and state.running), last_line(shared.log(name)) if state else "")
    shown = 0
    for name in servers.INSTANCES:
        if not (instance.run_folder(name) / "env").exists():
            continue
        found = instance.load(name)
        if name != "dev" and not found.supervisor.alive():
            continue
        shown += 1
        say(f"  {name} ({found.switch})")
        for row in instance.status(found):
            all_well &= _line(row.name, row.state, row.pid, row.healthy, row.why_not)
    if not shown:
        say("  dev was never started: make up")
        return 1
    return 0 if all_well else 1


def _line(name: str, state: str, pid: int, healthy: bool, why_not: str) -> bool:
    mark = "ok " if healthy else "-- "
    say(f"    {mark} {name:17} {state:9} {pid or '':>7}  {'' if healthy else why_not[:140]}".rstrip())
    return healthy
