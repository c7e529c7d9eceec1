#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Writes a C program whose functions call each other as a tree, each with a frame of another shape; and
the tree, as one line `CALLER CALLEE` per lawful pair. What its compiled code did on the way from one
function to the next (qsort, a signal, a thread) lies between the two on the stack.

usage: make-call-tree.py FUNCTIONS SEED PROGRAM.c PAIRS
"""

import random
import sys

HEAD = r"""
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define NODE __attribute__((noinline)) static unsigned
#ifndef ROUNDS
#define ROUNDS 200
#endif
#define END(result) __asm__ volatile("" : "+r"(result) : : "memory")

static volatile unsigned unknown = 1;
static _Thread_local unsigned passed;

static inline void escape(void *memory)
{
	__asm__ volatile("" : : "r"(memory) : "memory");
}

static inline unsigned work(unsigned x)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		x = x * 1664525u + 1013904223u + unknown;
	return x;
}

/* Which child is called; never the same way for ever. */
static unsigned pick(void)
{
	static unsigned state;

	state = state * 1664525u + 1013904223u;
	return state >> 16;
}
"""

# {calls}: one child is called. {number}: no two functions are the same, or compilers merge them.
SHAPES = {
    'plain': 'NODE {name}(unsigned x)\n{{\n\tunsigned result = work(x ^ {number}u);\n\n{calls}\tEND(result);\n'
             '\treturn result;\n}}\n',
    'alloca': 'NODE {name}(unsigned x)\n{{\n\tchar *memory = alloca(x % 200 + 1);\n'
              '\tunsigned result = work(x ^ {number}u);\n\n\tescape(memory);\n{calls}\tEND(result);\n'
              '\treturn result + (unsigned)memory[0];\n}}\n',
    'aligned': 'NODE {name}(unsigned x)\n{{\n\tchar buffer[96] __attribute__((aligned(64)));\n'
               '\tunsigned result = work(x ^ {number}u);\n\n\tescape(buffer);\n{calls}\tescape(buffer);\n'
               '\tEND(result);\n\treturn result;\n}}\n',
    'aligned_alloca': 'NODE {name}(unsigned x)\n{{\n'
                      '\tchar buffer[32] __attribute__((aligned(32)));\n'
                      '\tchar *memory = alloca(x % 90 + 1);\n\tunsigned result = work(x ^ {number}u);\n\n'
                      '\tescape(buffer);\n\tescape(memory);\n{calls}\tescape(buffer);\n'
                      '\tEND(result);\n\treturn result;\n}}\n',
    'registers': 'NODE {name}(unsigned x)\n{{\n'
                 '\tunsigned a = unknown, b = a ^ unknown, c = b + unknown, d = c * unknown;\n'
                 '\tunsigned e = d - unknown, result = work(x ^ {number}u);\n\n{calls}\tEND(result);\n'
                 '\treturn result + a * b + c * d + e;\n}}\n',
    'large': 'NODE {name}(unsigned x)\n{{\n\tchar buffer[9000];\n\tunsigned result = work(x ^ {number}u);\n\n'
             '\tescape(buffer);\n{calls}\tescape(buffer);\n\tEND(result);\n\treturn result;\n}}\n',
    'qsort': 'NODE {name}_body(unsigned x)\n{{\n\tunsigned result = work(x ^ {number}u);\n\n{calls}'
             '\tEND(result);\n\treturn result;\n}}\n'
             'static int {name}_compare(const void *a, const void *b, void *state)\n{{\n'
             '\tunsigned *x = state;\n\n\tif (*x)\n\t\t*(unsigned *)state = 0 * {name}_body(*x);\n'
             '\treturn *(const int *)a - *(const int *)b;\n}}\n'
             'NODE {name}(unsigned x)\n{{\n\tint values[] = {{3, 1, 4, 1, 5}};\n'
             '\tunsigned state = x | 1, result = work(x ^ {number}u);\n\n'
             '\tqsort_r(values, 5, sizeof(*values), {name}_compare, &state);\n'
             '\tEND(result);\n\treturn result;\n}}\n',
    'signal': 'NODE {name}_body(unsigned x)\n{{\n\tunsigned result = work(x ^ {number}u);\n\n{calls}'
              '\tEND(result);\n\treturn result;\n}}\n'
              'static void {name}_handle(int number)\n{{\n'
              '\tpassed = {name}_body(passed + (unsigned)number);\n}}\n'
              'NODE {name}(unsigned x)\n{{\n\tunsigned result = work(x ^ {number}u);\n\n\tpassed = x;\n'
              '\tsignal({signal}, {name}_handle);\n\traise({signal});\n'
              '\tEND(result);\n\treturn result;\n}}\n',
    'thread': 'NODE {name}_body(unsigned x)\n{{\n\tunsigned result = work(x ^ {number}u);\n\n{calls}'
              '\tEND(result);\n\treturn result;\n}}\n'
              'static void *{name}_start(void *state)\n{{\n'
              '\tunsigned *x = state;\n\n\t*x = {name}_body(*x);\n\treturn NULL;\n}}\n'
              'NODE {name}(unsigned x)\n{{\n\tunsigned result = work(x ^ {number}u);\n\tpthread_t thread;\n\n'
              '\tif (pthread_create(&thread, NULL, {name}_start, &result) == 0)\n'
              '\t\tpthread_join(thread, NULL);\n\tEND(result);\n\treturn result;\n}}\n',
}
# What each shape has on the stack between the function and its children.
STEPS = {
    'qsort': ('{0}', '{0}_compare', '{0}_body'),
    'signal': ('{0}', '{0}_handle', '{0}_body'),
    'thread': (None, '{0}_start', '{0}_body'),
}

SIGNALS = 28


class Tree:
    def __init__(self, n, seed):
        self.random = random.Random(seed)
        self.children = {i: [] for i in range(n)}
        self.shapes = []
        for i in range(1, n):
            # Deep rather than wide.
            self.children[self.random.randrange(max(0, i - 12), i)].append(i)
        common = [shape for shape in SHAPES if shape != 'thread']
        for i in range(n):
            shape = 'thread' if i % 60 == 30 else self.random.choice(common)
            # Each has a signal of its own: one that is being handled waits.
            if shape == 'signal' and self.shapes.count('signal') == SIGNALS:
                shape = 'plain'
            self.shapes.append(shape)

    def function(self, i):
        name, shape = f'node_{i}', self.shapes[i]
        # Not at the end: a call in tail position leaves no frame. One child in each call is enough.
        calls = ''
        if self.children[i]:
            last = len(self.children[i]) - 1
            cases = ''.join(f'\t{f"case {k}" if k < last else "default"}:\n'
                            f'\t\tresult += node_{child}(result);\n\t\tbreak;\n'
                            for k, child in enumerate(self.children[i]))
            calls = f'\tswitch (pick() & {self.mask(i)}) {{\n{cases}\t}}\n'
        signal = self.shapes[:i].count('signal')
        return SHAPES[shape].format(name=name, calls=calls, number=i,
                                             signal=f'SIGRTMIN + {signal}')

    def mask(self, i):
        mask = 1
        while mask < len(self.children[i]):
            mask *= 2
        return mask - 1

    def program(self):
        functions = [self.function(i) for i in sorted(self.children, reverse=True)]
        return (HEAD + '\n'.join(functions) +
                '\nint main(void)\n{\n\tfor (;;)\n\t\tunknown = node_0(unknown) | 1;\n}\n')

    def pairs(self):
        yield 'main', 'node_0'
        for i, children in self.children.items():
            steps = [step and step.format(f'node_{i}')
                     for step in STEPS.get(self.shapes[i], ('{0}',))]
            for pair in zip(steps, steps[1:]):
                if pair[0]:
                    yield pair
            for child in children:
                yield steps[-1], f'node_{child}'


def main():
    n, seed, source, pairs = sys.argv[1:]
    tree = Tree(int(n), int(seed))
    with open(source, 'w', encoding='ascii') as file:
        file.write(tree.program())
    with open(pairs, 'w', encoding='ascii') as file:
        file.writelines(f'{caller} {callee}\n' for caller, callee in tree.pairs())


main()
