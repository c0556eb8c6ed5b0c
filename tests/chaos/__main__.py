# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs seeds from the command line.

python -m tests.chaos                   # the seeds that CI runs
python -m tests.chaos --seed 1 -n 1000  # a thousand, starting at 1
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.runner import Verdict, seed_directory, survive
from tests.chaos.scenarios import RECORDED


def run_seed(seed: int) -> Verdict:
    """Run a seed and print its verdict."""
    verdict = survive(seed, seed_directory(seed))
    print(verdict.explain() if verdict.violations else verdict, flush=True)
    return verdict


def main() -> int:
    """Run seeds and print their verdicts."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the first seed (by default, the seeds that CI runs)")
    parser.add_argument("-n", type=int, default=1, help="the number of seeds (1)")
    parser.add_argument("--parallel", type=int, default=2, help="how many in parallel (2)")
    options = parser.parse_args()
    seeds = RECORDED if options.seed is None else range(options.seed, options.seed + options.n)
    with ThreadPoolExecutor(options.parallel) as pool:
        failed = [verdict.scenario.seed for verdict in pool.map(run_seed, seeds) if verdict.violations]
    print(f"{len(seeds) - len(failed)} of {len(seeds)} seeds survived" + (f"; not {failed}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
