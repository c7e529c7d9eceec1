# SPDX-License-Identifier: GPL-2.0-or-later
"""How far ratios of pairs of runs can be trusted."""

import math
import random
import statistics

DRAWS = 2000


def ratio_bounds(pairs, confidence=0.95, seed=1, draws=DRAWS):
    """(median, upper bound) of the ratio first/second of pairs of times, the bound one-sided, by the
    bootstrap's percentiles of the median of the logarithms (Efron and Tibshirani 1993, chapter 13).
    Of pairs, since both of one pair share what else the machine did at the time."""
    logs = [math.log(first / second) for first, second in pairs]
    chance = random.Random(seed)
    medians = sorted(statistics.median(chance.choices(logs, k=len(logs))) for _ in range(draws))
    bound = medians[min(draws - 1, math.ceil(confidence * draws))]
    return math.exp(statistics.median(logs)), math.exp(bound)


def verdict(value, limit):
    return f'{"met" if value <= limit else "MISSED"} (at most {limit:g})'
