#!/usr/bin/env python3
"""How long a run of many files takes on many devices: a simulation of driver, workers and committer.

    tests/cluster_simulation.py --rate 2000 --commit 0.5 --devices 1 8 64

One driver reads files on its cores, keeps `--at-once` files at the cluster for each device and commits in order; a device
serves one file after the other. Everything that is assumed is an argument with its default; see docs/cluster.md.
"""

import argparse
import heapq
import random


def simulate(devices, args):
    """Seconds of the whole run, and the share of that time for which devices were busy."""
    draw = random.Random(args.seed)
    sentences = [args.sentences * max(0.2, draw.gauss(1, args.spread)) for _ in range(args.files)]
    at_once = devices * args.at_once
    ahead = at_once * 4
    cores = [0.0] * args.cores
    free = [0.0] * devices
    back, committed, clock, busy = [], [0.0] * args.files, 0.0, 0.0
    under_way = []
    for file in range(args.files):
        # Read on the first core that is free, unless too many files wait for older ones.
        core = heapq.heappop(cores)
        gate = committed[file - ahead] if file >= ahead else 0.0
        read = max(core, gate) + args.read
        heapq.heappush(cores, read)
        # At the cluster when one of the places is free.
        start = read
        if len(under_way) >= at_once:
            start = max(start, heapq.heappop(under_way))
        device = heapq.heappop(free)
        service = sentences[file] / args.rate
        end = max(device, start + args.overhead) + service
        busy += service
        heapq.heappush(free, end)
        heapq.heappush(under_way, end)
        back.append(end)
        clock = max(clock, end) + args.commit
        committed[file] = clock
    return clock, busy / (clock * devices)


def main():
    """Prints one line for each number of devices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--files", type=int, default=1334, help="files of the baseline")
    parser.add_argument("--sentences", type=float, default=5600, help="candidate sentences of a file (7.5 million in all)")
    parser.add_argument("--spread", type=float, default=0.3, help="their standard deviation, as a share")
    parser.add_argument("--rate", type=float, default=2000, help="sentences a second of one device")
    parser.add_argument("--overhead", type=float, default=0.1, help="seconds a file that the cluster adds, before the device")
    parser.add_argument("--read", type=float, default=1.3, help="core seconds of the driver to read a file (262 MB of XML)")
    parser.add_argument("--cores", type=int, default=16, help="cores of the driver")
    parser.add_argument("--commit", type=float, default=0.5, help="seconds of a file's commit; one after the other")
    parser.add_argument("--at-once", type=int, default=2, help="files at the cluster for each device")
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 8, 16, 32, 64])
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for devices in args.devices:
        seconds, busy = simulate(devices, args)
        print(f"{devices:3} devices {seconds:9.0f} s {seconds / 3600:6.2f} h, devices busy {busy * 100:5.1f} %")


if __name__ == "__main__":
    main()
