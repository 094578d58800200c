"""Takes the recordings from a real FreeSWITCH: python -m tests.simulator.record [flow…]"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from operations.instance import find_freeswitch  # noqa: E402
from tests.live.lab import Lab  # noqa: E402
from tests.simulator.flows import FLOWS, observe  # noqa: E402
from tests.simulator.frames import CONVERSATIONS  # noqa: E402
from tests.simulator.simulated_lab import SimulatedLab  # noqa: E402

RECORDINGS = Path(__file__).parent / "recordings"


def main(arguments: list[str]) -> None:
    simulated = "--simulator" in arguments
    chosen = [name for name in arguments if not name.startswith("-")]
    if not simulated and find_freeswitch() is None:
        raise SystemExit("no FreeSWITCH on this machine")
    folder = Path(tempfile.mkdtemp(prefix="recording-"))
    lab = (SimulatedLab if simulated else Lab)(folder)
    output = Path(tempfile.gettempdir()) / "simulated" if simulated else RECORDINGS
    output.mkdir(exist_ok=True)
    try:
        telephones = lab.start()
        lab.open_routing()
        for device in ("anna-desk", "bernd-desk", "clara-desk"):
            telephones[device].register()
        for flow in (*FLOWS, *CONVERSATIONS):
            if chosen and flow.__name__ not in chosen:
                continue
            if flow in FLOWS:
                lines = observe(lab, telephones, flow)  # type: ignore[arg-type]
            else:
                lines = flow(lab, telephones)  # type: ignore[assignment]
                telephones.reset()
            text = "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n]\n"
            (output / f"{flow.__name__}.json").write_text(text)
            print(f"{flow.__name__}: {len(lines)} lines", flush=True)
    finally:
        lab.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
