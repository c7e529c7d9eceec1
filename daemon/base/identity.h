/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What tells a file and its content from every other, without reading all of it: where it is, when
 * it was last changed, and its first page, where linkers put the build-id. Unlike a build-id alone
 * it cannot be chosen: only who can write this very file can give it another content, and then the
 * kernel sets another time of change.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_identity {
	uint64_t device, inode, size;
	uint64_t change_ns, modify_ns; /* since the epoch */
	uint64_t file_system; /* f_type of statfs(2) */
	uint64_t first_page; /* a hash */
};

/* Of an open file, reading its first page, which may hang where its file system does. False: its file
 * system is not known to keep times of change of its own (those of the network), or it cannot be
 * read. */
bool file_identity_read(int fd, const struct stat *stat, struct file_identity *ret_identity);

/* Is this still the file's content? Asks for its times only. A file that was changed a moment ago
 * may be changed again within the clock's grain: that is none. */
bool file_identity_holds(const struct file_identity *identity, int fd);
