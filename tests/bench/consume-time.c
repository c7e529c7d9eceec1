/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Stands before libbpf in a daemon that is measured (LD_PRELOAD): how much CPU its thread spends from
 * taking records out of the rings to their place in the profile, which is done by libbpf's callbacks.
 * The sum is kept in a file that the measuring program reads: CONSUME_TIME names it.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct ring_buffer;

typedef int consume_function(struct ring_buffer *ring);

struct consumed {
	uint64_t ns; /* of CPU */
	uint64_t n; /* calls */
};

static struct consumed *consumed;
static consume_function *next;

int ring_buffer__consume(struct ring_buffer *ring);

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void __attribute__((constructor)) begin(void)
{
	static struct consumed nowhere;
	const char *path = getenv("CONSUME_TIME");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	next = (consume_function *)dlsym(RTLD_NEXT, "ring_buffer__consume");
	consumed = fd < 0
		? MAP_FAILED
		: mmap(NULL, sizeof(*consumed), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (consumed == MAP_FAILED)
		consumed = &nowhere;
	if (fd >= 0)
		close(fd);
}

/* One ring is emptied in the midst of the other. */
int ring_buffer__consume(struct ring_buffer *ring)
{
	static bool is_within;
	uint64_t start_ns;
	int r;

	if (is_within)
		return next(ring);
	is_within = true;
	start_ns = cpu_ns();
	r = next(ring);
	consumed->ns += cpu_ns() - start_ns;
	consumed->n++;
	is_within = false;
	return r;
}
