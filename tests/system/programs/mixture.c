// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fixed amount of work of several kinds: computing, branches that cannot be foreseen, memory far and
 * near, system calls, allocation. `planted` has some 30 % of the time, and may be told to do some per
 * cent more.
 *
 * usage: mixture UNITS PER-CENT     (a unit is some 10 ms)
 */

#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAR_BYTES (16u << 20)
#define NEAR_WORDS 2048

static uint32_t *far_memory, near_memory[NEAR_WORDS], sorted[NEAR_WORDS];
static volatile uint64_t sink;

#define KIND(name)                                                                                 \
	__attribute__((noinline, noclone)) static uint64_t name(uint64_t seed, unsigned n)

KIND(planted)
{
	for (unsigned i = 0; i < n * 1000; i++)
		seed = seed * 6364136223846793005u + (seed >> 29);
	return seed;
}

KIND(hash)
{
	for (unsigned i = 0; i < n * 1000; i++)
		seed = (seed ^ (near_memory[i % NEAR_WORDS])) * 0x100000001b3u;
	return seed;
}

KIND(wander)
{
	for (unsigned i = 0; i < n * 100; i++)
		seed = seed * 6364136223846793005u + far_memory[(seed >> 33) % (FAR_BYTES / 4)];
	return seed;
}

KIND(decide)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n * 100; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if (seed >> 63)
			sum += near_memory[(seed >> 40) % NEAR_WORDS];
		else
			sum ^= seed >> 7;
		__asm__ volatile("" : "+r"(sum));
	}
	return sum;
}

static int word_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

KIND(sort)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < 100; j++)
			sorted[j] = (uint32_t)(seed = seed * 6364136223846793005u + 1);
		qsort(sorted, 100, sizeof(*sorted), word_compare);
	}
	return sorted[n % 100];
}

KIND(copy)
{
	for (unsigned i = 0; i < n; i++)
		memmove((char *)far_memory + (i * 65536 + seed % 4096) % (FAR_BYTES / 2),
			(char *)far_memory + FAR_BYTES / 2, 16384);
	return far_memory[seed % 4096];
}

KIND(numbers)
{
	double x = (double)(seed % 1000 + 1);

	for (unsigned i = 0; i < n * 10; i++)
		x = sqrt(x * x + 1) / (1 + 1 / (x + i)) + sin(x);
	return (uint64_t)x;
}

KIND(allocate)
{
	void *held[16] = {0};

	for (unsigned i = 0; i < n * 10; i++) {
		free(held[i % 16]);
		held[i % 16] = malloc(16 + (seed = seed * 25214903917u + 11) % 2000);
	}
	for (unsigned i = 0; i < 16; i++)
		free(held[i]);
	return seed;
}

KIND(ask)
{
	static int zero = -1;
	static char bytes[8192];

	if (zero < 0)
		zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < n; i++)
		seed += (uint64_t)read(zero, bytes, sizeof(bytes));
	return seed;
}

KIND(text)
{
	char line[64];

	for (unsigned i = 0; i < n; i++)
		seed += (uint64_t)snprintf(
			line, sizeof(line), "%llu %u", (unsigned long long)seed % 100000, i);
	return seed + (uint64_t)line[0];
}

int main(int argc, char **argv)
{
	unsigned units = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	unsigned more = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	uint64_t x = 1;

	far_memory = calloc(1, FAR_BYTES);
	if (!far_memory)
		return 1;
	for (unsigned i = 0; i < FAR_BYTES / 4; i++)
		far_memory[i] = i * 2654435761u;
	for (unsigned i = 0; i < units; i++) {
		x += planted(x, 44 * (100 + more));
		x += hash(x, 1800);
		x += wander(x, 140);
		x += decide(x, 8000);
		x += sort(x, 300);
		x += copy(x, 1000);
		x += numbers(x, 8000);
		x += allocate(x, 2400);
		x += ask(x, 2800);
		x += text(x, 10000);
	}
	sink = x;
	return 0;
}
