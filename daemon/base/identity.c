/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Device and inode numbers are reused, file systems are copied bit by bit, and images are built with
 * all times equal: hence all of these together. The times of change of a file on a disk of the host,
 * or in memory, are the kernel's own; those that come over a network are somebody's claim.
 */

#include "daemon/base/identity.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "proto/base/hash.h"
#include "proto/base/time.h"

#define PAGE_BYTES 4096
/* Longer than the grain of any file system's times (ext3: one second). */
#define SETTLED_NS (2 * NS_PER_SECOND)
/* uapi/linux/magic.h does not have it. */
#define ZFS_SUPER_MAGIC 0x2fc12fc1

/* Those without a block device of their own whose times are this kernel's. */
static bool is_local(uint64_t file_system)
{
	return file_system == BTRFS_SUPER_MAGIC || file_system == OVERLAYFS_SUPER_MAGIC ||
		file_system == TMPFS_MAGIC || file_system == ZFS_SUPER_MAGIC;
}

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
}

bool file_identity_read(int fd, const struct stat *stat, struct file_identity *ret_identity)
{
	uint8_t page[PAGE_BYTES];
	struct statfs file_system;
	ssize_t n;

	if (fstatfs(fd, &file_system) < 0)
		return false;
	if (!major(stat->st_dev) && !is_local((uint64_t)file_system.f_type))
		return false;
	n = pread(fd, page, sizeof(page), 0);
	if (n < 0)
		return false;
	*ret_identity = (struct file_identity){
		.device = stat->st_dev,
		.inode = stat->st_ino,
		.size = (uint64_t)stat->st_size,
		.change_ns = nanoseconds(&stat->st_ctim),
		.modify_ns = nanoseconds(&stat->st_mtim),
		.file_system = (uint64_t)file_system.f_type,
		.first_page = hash_bytes_64(page, (size_t)n),
	};
	return true;
}

bool file_identity_holds(const struct file_identity *identity, int fd)
{
	struct stat stat;

	return fstat(fd, &stat) == 0 && stat.st_dev == identity->device &&
		stat.st_ino == identity->inode && (uint64_t)stat.st_size == identity->size &&
		nanoseconds(&stat.st_ctim) == identity->change_ns &&
		nanoseconds(&stat.st_mtim) == identity->modify_ns &&
		time_now_ns(CLOCK_REALTIME) >= identity->change_ns + SETTLED_NS;
}
