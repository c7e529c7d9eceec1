/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as the file of the kernel's types. */

#include <bpf/btf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/capture/kernel-types.h"
#include "proto/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(closep) int fd = memfd_create("types", MFD_CLOEXEC), extracted = -1;
	struct btf *wanted = btf__new_empty(), *got;
	char path[32];

	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	btf__add_struct(wanted, "outer", 8);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!kernel_types_extract(path, wanted, &extracted)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", extracted);
		got = btf__parse(path, NULL);
		if (!got)
			abort();
		btf__free(got);
	}
	btf__free(wanted);
	return 0;
}
