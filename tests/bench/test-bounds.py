#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The arithmetic of the benches' bounds, on numbers whose answer is known."""

import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bounds  # noqa: E402


class Bounds(unittest.TestCase):
    def test_equal_pairs_have_their_ratio_as_bound(self):
        self.assertEqual(tuple(round(x, 9) for x in bounds.ratio_bounds([(1.1, 1.0)] * 40)),
                         (1.1, 1.1))

    def test_common_noise_of_a_pair_cancels(self):
        chance = random.Random(3)
        pairs = [(1.02 * t, t) for t in (chance.uniform(1, 5) for _ in range(40))]
        self.assertAlmostEqual(bounds.ratio_bounds(pairs)[1], 1.02, places=6)

    def test_bound_lies_above_the_median_and_falls_with_more_pairs(self):
        chance = random.Random(4)
        pairs = [(chance.gauss(1.05, 0.05), 1.0) for _ in range(400)]
        few, many = bounds.ratio_bounds(pairs[:20]), bounds.ratio_bounds(pairs)
        self.assertGreater(few[1], few[0])
        self.assertLess(many[1] - many[0], few[1] - few[0])

    def test_bound_holds_as_often_as_it_says(self):
        """95 % of 200: fewer than 178 would be a chance of one in ten thousand."""
        chance = random.Random(5)
        held = 0
        for _ in range(200):
            pairs = [(1.03 * chance.lognormvariate(0, 0.04), 1.0) for _ in range(40)]
            held += bounds.ratio_bounds(pairs)[1] >= 1.03
        self.assertGreaterEqual(held, 178)

    def test_bound_is_nearly_as_sharp_as_that_of_the_mean(self):
        """Which would lie 1.645 standard errors above it: 1.0104."""
        chance = random.Random(6)
        above = [bounds.ratio_bounds([(chance.lognormvariate(0, 0.04), 1.0)
                                      for _ in range(40)])[1] for _ in range(100)]
        self.assertLess(sum(above) / len(above), 1.0125)

    def test_one_wild_run_does_not_move_it_far(self):
        pairs = [(1.0, 1.0)] * 39 + [(50.0, 1.0)]
        self.assertLess(bounds.ratio_bounds(pairs)[1], 1.001)

    def test_verdict_says_what_was_asked(self):
        self.assertEqual(bounds.verdict(1.0, 1.01), 'met (at most 1.01)')
        self.assertEqual(bounds.verdict(1.02, 1.01), 'MISSED (at most 1.01)')


if __name__ == '__main__':
    unittest.main()
