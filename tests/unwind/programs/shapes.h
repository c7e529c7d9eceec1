/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Functions of all shapes that a compiler gives a frame, which call each other at random: each does
 * its part, then goes one deeper by next(), until `depth` is used up.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define SHAPE __attribute__((noinline))

/* Calls some shape with one less of depth; a little work when there is none left. */
unsigned next(unsigned depth, unsigned seed);

/* throws.cpp: goes deeper below a handler, then throws to it. */
unsigned shape_throw(unsigned depth, unsigned seed);
/* The exception passes a frame that has something to destroy, and is thrown on. */
unsigned shape_rethrow(unsigned depth, unsigned seed);

/* A value that no compiler can foresee. */
extern volatile unsigned unknown;

#ifdef __cplusplus
}
#endif
