"""Writes train.csv and test.csv: windows of a simulated accelerometer, 32 samples of x, y, z in g at 50 Hz, then the class.

0 still: gravity in any direction, and noise. 1 turning: gravity goes around an axis, 0.5 to 1.5 turns a second.
2 shaking: a swing of 0.4 to 1.5 g along any direction, 3 to 8 times a second. Needs nothing but Python; the same seed gives the same files.
"""

import math
import random

SAMPLES, RATE = 32, 50.0


def direction(draw):
    while True:
        v = [draw.gauss(0, 1) for _ in range(3)]
        length = math.sqrt(sum(x * x for x in v))
        if length > 0.1:
            return [x / length for x in v]


def cross(a, b):
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def window(draw, kind):
    down, along, phase = direction(draw), direction(draw), draw.uniform(0, 2 * math.pi)
    across = direction(draw)
    side = cross(down, across)
    length = math.sqrt(sum(x * x for x in side)) or 1.0
    side = [x / length for x in side]
    turns, swings, swing = draw.uniform(0.5, 1.5), draw.uniform(3, 8), draw.uniform(0.4, 1.5)
    values = []
    for at in range(SAMPLES):
        t = at / RATE
        angle = 2 * math.pi * turns * t + phase if kind == 1 else phase
        force = swing * math.sin(2 * math.pi * swings * t + phase) if kind == 2 else 0.0
        for axis in range(3):
            gravity = math.cos(angle) * down[axis] + math.sin(angle) * side[axis]
            values.append(gravity + force * along[axis] + draw.gauss(0, 0.02))
    return values


def write(name, rows, seed):
    draw = random.Random(seed)
    with open(name, "w") as file:
        for row in range(rows):
            kind = row % 3
            file.write(",".join(f"{v:.3f}" for v in window(draw, kind)) + f",{kind}\n")


write("train.csv", 3000, 1)
write("test.csv", 600, 2)
