/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loads one library, works in it, unloads it, and does the same with another, which usually comes to
 * lie where the first one was; the two addresses are printed.
 *
 * usage: load-twice FIRST SECOND SECONDS   (each)
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

typedef void work(uint64_t deadline_ns);

void first_phase(work *work, uint64_t deadline_ns);
void second_phase(work *work, uint64_t deadline_ns);

__attribute__((noinline)) void first_phase(work *work, uint64_t deadline_ns)
{
	work(deadline_ns);
	__asm__ volatile("");
}

__attribute__((noinline)) void second_phase(work *work, uint64_t deadline_ns)
{
	work(deadline_ns);
	__asm__ volatile("" ::"i"(2));
}

static int run(const char *path, const char *name, void phase(work *, uint64_t), double seconds)
{
	void *library = dlopen(path, RTLD_NOW);
	work *function = library ? (work *)dlsym(library, name) : NULL;

	if (!function) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	printf("%p\n", (void *)function);
	fflush(stdout);
	phase(function, clock_deadline_ns(seconds));
	return dlclose(library);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	if (run(argv[1], "first_plugin_work", first_phase, atof(argv[3])))
		return 1;
	return run(argv[2], "second_plugin_work", second_phase, atof(argv[3]));
}
