# SPDX-License-Identifier: GPL-2.0-or-later
"""How far ratios of pairs of runs can be trusted."""

import math
import statistics

Z = 1.6449  # of the normal distribution, 95 % lie below


def ratio_bounds(pairs):
    """(estimate, upper bound) of the ratio first/second of pairs of times, the bound one-sided at 95 %,
    by the logarithms: the median of the means of any two of them (Hodges and Lehmann), and the bound
    that Wilcoxon's signed-rank test gives (Hollander, Wolfe and Chicken 2014, section 3.2 and 3.3, with
    the normal approximation, good from some fifteen pairs on). Where the noise is normal this is nearly
    as sharp as the mean, and it stands wild runs as the median does. Of pairs, since both of one pair
    share what else the machine did at the time."""
    logs = [math.log(first / second) for first, second in pairs]
    n = len(logs)
    means = sorted((logs[i] + logs[j]) / 2 for i in range(n) for j in range(i, n))
    rank = n * (n + 1) / 4 + Z * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return math.exp(statistics.median(means)), math.exp(means[min(len(means), math.ceil(rank)) - 1])


def verdict(value, limit):
    return f'{"met" if value <= limit else "MISSED"} (at most {limit:g})'
