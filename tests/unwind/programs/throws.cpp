/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Frames that an exception passes: stops fall into the language's own unwinder, which saves every
 * register, and into landing pads. */

#include <string>

#include "shapes.h"

struct guarded {
	std::string text;

	explicit guarded(unsigned seed) : text(seed % 40 + 1, 'x') {}
	~guarded() { unknown = unknown + text.size(); }
};

SHAPE static unsigned thrower(unsigned n, unsigned seed)
{
	guarded guard(seed);

	if (n == 0)
		throw seed;
	return thrower(n - 1, seed + 1) + guard.text.size();
}

unsigned shape_throw(unsigned depth, unsigned seed)
{
	unsigned result = next(depth - 1, seed);

	try {
		return thrower(seed % 5, result);
	} catch (unsigned thrown) {
		return next(depth / 2, thrown);
	}
}

SHAPE static unsigned passer(unsigned depth, unsigned seed)
{
	guarded guard(seed);

	try {
		return thrower(seed % 3, seed) + guard.text.size();
	} catch (unsigned) {
		next(depth / 2, seed);
		throw;
	}
}

unsigned shape_rethrow(unsigned depth, unsigned seed)
{
	try {
		return passer(depth - 1, seed);
	} catch (unsigned thrown) {
		return next(depth - 1, thrown);
	}
}
