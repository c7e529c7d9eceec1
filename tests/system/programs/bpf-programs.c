/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Each BPF program that is loaded, a line each: its id, its name, the instructions that the verifier
 * went through (those of a loop once for each round), the bytes of its machine code. */

#include <bpf/bpf.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	uint32_t id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue; /* has gone meanwhile */
		if (!bpf_obj_get_info_by_fd(fd, &info, &size))
			printf("%" PRIu32 " %s %" PRIu32 " %" PRIu32 "\n", id, info.name,
				info.verified_insns, info.jited_prog_len);
		close(fd);
	}
	return 0;
}
