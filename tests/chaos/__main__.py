# Copyright (c) 2026, the cutover.smc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs seeds from the command line.

python -m tests.chaos                   # the seeds that CI runs
python -m tests.chaos --seed 1 -n 1000  # a thousand from the first on
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.runner import Verdict, seed_directory, survive
from tests.chaos.scenarios import RECORDED


def tried(seed: int) -> Verdict:
    """Run a seed, and say what came of it."""
    verdict = survive(seed, seed_directory(seed))
    print(verdict.explain() if verdict.violations else verdict, flush=True)
    return verdict


def main() -> int:
    """Run seeds and say what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the first seed (those that CI runs)")
    parser.add_argument("-n", type=int, default=1, help="how many seeds from the first (1)")
    parser.add_argument("--beside", type=int, default=2, help="how many side by side (2)")
    options = parser.parse_args()
    seeds = RECORDED if options.seed is None else range(options.seed, options.seed + options.n)
    with ThreadPoolExecutor(options.beside) as pool:
        failed = [verdict.draw.seed for verdict in pool.map(tried, seeds) if verdict.violations]
    print(f"{len(seeds) - len(failed)} of {len(seeds)} seeds survived" + (f"; not {failed}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
