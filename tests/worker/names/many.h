/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

static inline unsigned turn(unsigned value, int by)
{
	return value << by | value >> (32 - by);
}

static inline unsigned mix(unsigned value)
{
	value ^= turn(value, 13);
	value *= 0x85ebca6bu;
	return value ^ turn(value, 7);
}

static inline unsigned clamp(unsigned value, unsigned low, unsigned high)
{
	return value < low ? low : value > high ? high : value;
}

unsigned other(unsigned value);
