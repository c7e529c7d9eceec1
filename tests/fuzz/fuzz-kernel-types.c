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
	CLEANUP(closep)
	int fd = memfd_create("types", MFD_CLOEXEC),
	    extracted = memfd_create("extracted", MFD_CLOEXEC);
	struct kernel_type type = {.name = "outer", .kind = BTF_KIND_TYPEDEF};
	struct btf *structs = btf__new_empty(), *got;
	struct kernel_types_wanted wanted = {.structs = structs, .types = &type, .n_types = 1};
	char path[32];

	if (fd < 0 || extracted < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	btf__add_struct(structs, "outer", 8);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!kernel_types_extract(path, &wanted, extracted)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", extracted);
		got = btf__parse(path, NULL);
		if (!got)
			abort();
		btf__free(got);
	}
	btf__free(structs);
	return 0;
}
