/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Works for ever on the stack of a context; with an argument, one that has a successor. */

#include <stdlib.h>
#include <ucontext.h>

#define STACK_BYTES (1 << 16)

static volatile unsigned unknown = 1, is_done;

__attribute__((noinline)) static void context_work(void)
{
	while (!is_done)
		unknown = unknown * 1664525u + 1013904223u;
}

static void context_main(void)
{
	context_work();
	unknown++;
}

int main(int argc, char **argv)
{
	ucontext_t here, other;

	(void)argv;
	getcontext(&other);
	other.uc_stack.ss_sp = malloc(STACK_BYTES);
	other.uc_stack.ss_size = STACK_BYTES;
	other.uc_link = argc > 1 ? &here : NULL;
	makecontext(&other, context_main, 0);
	swapcontext(&here, &other);
	return 0;
}
