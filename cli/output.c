// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Invariant: between output_open() and output_commit() the target's name is untouched; the rename
 * is the last thing that can fail, and comes after fsync, so that a full disk is found before the
 * old file is gone. Signals that would leave the temporary file behind are held back meanwhile; a
 * pipe to standard output has no such file, and so no such mask.
 */

#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static int say_failure(const char *path, const char *cause)
{
	int error = errno;

	message_error("cannot write '%s': %s", path, cause ? cause : strerror(error));
	return error ? -error : -EIO;
}

static void hold_signals(struct output *output)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	output->has_mask = sigprocmask(SIG_BLOCK, &set, &output->mask) == 0;
}

static const char *kind_of_file(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "it is a directory; name a file";
	case S_IFLNK:
		return "it is a symbolic link; name the file itself";
	case S_IFIFO:
		return "it is a FIFO, no regular file; '-' is standard output";
	default:
		return "it is no regular file; '-' is standard output";
	}
}

/* Nothing, or a regular file, may stand in the target's place. */
static int check_target(const struct output *output)
{
	const char *name = text_base_name(output->path);
	struct stat status;

	if (fstatat(output->directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return say_failure(output->path, NULL);
	}
	if (S_ISREG(status.st_mode))
		return 0;
	errno = EEXIST;
	return say_failure(output->path, kind_of_file(status.st_mode));
}

static int open_directory(struct output *output)
{
	CLEANUP(freep) char *directory = strdup(output->path);
	char *slash;

	if (!directory)
		return say_failure(output->path, NULL);
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory ? 1 : 0] = '\0';
	output->directory_fd = open(slash ? directory : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (output->directory_fd < 0)
		return say_failure(output->path, NULL);
	return 0;
}

/* Under sudo, files belong to who called it. */
static int give_to_caller(int fd)
{
	const char *uid_text = getenv("SUDO_UID"), *gid_text = getenv("SUDO_GID");
	uint32_t uid, gid;

	if (geteuid() != 0 || !uid_text || !gid_text)
		return 0;
	if (text_parse_u32(uid_text, &uid) < 0 || text_parse_u32(gid_text, &gid) < 0)
		return 0;
	return fchown(fd, uid, gid);
}

static int create_temporary(struct output *output)
{
	const char *name = text_base_name(output->path);
	unsigned random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return say_failure(output->path, NULL);
	/* Short enough for NAME_MAX whatever the target is called. */
	if (asprintf(&output->temporary, ".%.200s.%08x", name, random) < 0) {
		output->temporary = NULL;
		errno = ENOMEM;
		return say_failure(output->path, NULL);
	}
	output->fd = openat(output->directory_fd, output->temporary,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (output->fd < 0) {
		int r = say_failure(output->path, NULL);

		free(TAKE(output->temporary));
		return r;
	}
	if (give_to_caller(output->fd) < 0)
		return say_failure(output->path, NULL);
	return 0;
}

int output_open(struct output *output, const char *path)
{
	int r;

	*output = (struct output){.directory_fd = -1, .fd = -1};
	output->path = strdup(path);
	if (!output->path)
		return say_failure(path, NULL);
	if (strcmp(path, "-") == 0) {
		output->is_stdout = true;
		return 0;
	}
	if (!*text_base_name(path)) {
		errno = *path ? EISDIR : ENOENT;
		return say_failure(path, NULL);
	}
	r = open_directory(output);
	if (r == 0)
		r = check_target(output);
	if (r < 0)
		return r;
	hold_signals(output);
	return create_temporary(output);
}

int output_write(struct output *output, const void *bytes, size_t n)
{
	const char *name = output->is_stdout ? "standard output" : output->path;
	int fd = output->is_stdout ? STDOUT_FILENO : output->fd;
	const char *next = bytes;

	while (n) {
		ssize_t written = write(fd, next, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return say_failure(name, NULL);
		next += written;
		n -= (size_t)written;
	}
	return 0;
}

int output_commit(struct output *output)
{
	int r;

	if (output->is_stdout)
		return 0;
	if (fsync(output->fd) < 0 && errno != EINVAL)
		return say_failure(output->path, NULL);
	if (close(take_fd(&output->fd)) < 0)
		return say_failure(output->path, NULL);
	r = check_target(output);
	if (r < 0)
		return r;
	if (renameat(output->directory_fd, output->temporary, output->directory_fd,
		    text_base_name(output->path)) < 0)
		return say_failure(output->path, NULL);
	free(TAKE(output->temporary));
	return 0;
}

void output_done(struct output *output)
{
	if (output->temporary)
		unlinkat(output->directory_fd, output->temporary, 0);
	if (output->has_mask)
		sigprocmask(SIG_SETMASK, &output->mask, NULL);
	closep(&output->fd);
	closep(&output->directory_fd);
	free(output->temporary);
	free(output->path);
	*output = (struct output){.directory_fd = -1, .fd = -1};
}

int output_write_file(const char *path, const void *bytes, size_t n)
{
	CLEANUP(output_done) struct output output = {.directory_fd = -1, .fd = -1};
	int r;

	r = output_open(&output, path);
	if (r == 0)
		r = output_write(&output, bytes, n);
	if (r == 0)
		r = output_commit(&output);
	return r;
}
