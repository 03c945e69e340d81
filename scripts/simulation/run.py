"""Entry."""
import sys, tempfile
from pathlib import Path
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
from scripts.simulation.world import World
import time
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as f:
        t=time.time()
        w=World(seed, Path(f))
        o=w.run(tell=len(sys.argv)>3)
        print(seed, f"{time.time()-t:.2f}s sim {o.simulated_s:.0f} rec {o.recovery_s:.0f} lives {o.lives} kills {o.kills} sig {o.signals} sent {o.orders_sent} fills {o.fills} story {len(o.story)}", flush=True)
        if len(sys.argv)>3:
            for l in o.story: print(f"{l.at_s:10.4f} {l.kind:10} {l.text}")
        for x in o.verdict.failures[:5]: print("   FAIL", x.kind, x.key, x.text[:300])
