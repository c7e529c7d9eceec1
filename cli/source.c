// SPDX-License-Identifier: GPL-2.0-or-later
/* SOURCE -> profile. Baselines and the store are told by their marks; a file that is called so is
 * named "./@NAME". */

#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/baseline.h"
#include "cli/message.h"
#include "cli/store-source.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/time.h"
#include "proto/profile/source.h"

#define SOURCE_BYTES_MAX (512u * 1024 * 1024)
#define CHUNK_BYTES (256 * 1024)

static int read_all(int fd, struct buffer *buffer)
{
	for (;;) {
		char *room = buffer_reserve(buffer, CHUNK_BYTES);
		ssize_t n;

		if (!room)
			return -ENOMEM;
		n = read(fd, room, CHUNK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buffer->size += (size_t)n;
		if (buffer->size > SOURCE_BYTES_MAX)
			return -EFBIG;
	}
}

static int say_failure(const char *name, int error)
{
	if (error == -EFBIG)
		message_error("cannot read %s: it is larger than %u MiB", name,
			SOURCE_BYTES_MAX / 1024 / 1024);
	else
		message_error("cannot read %s: %s", name, strerror(-error));
	return error;
}

static int read_source(const char *source, const char *name, struct buffer *buffer)
{
	CLEANUP(closep) int fd = -1;
	int r;

	if (strcmp(source, "-") == 0) {
		r = read_all(STDIN_FILENO, buffer);
	} else {
		fd = open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		r = fd < 0 ? -errno : read_all(fd, buffer);
	}
	return r < 0 ? say_failure(name, r) : 0;
}

/* Of the directory that is meant where nothing is said. */
static int load_baseline(const char *name, struct profile **ret_profile)
{
	CLEANUP(freep) char *path = NULL;

	if (!baseline_name_is_valid(name))
		return -EINVAL;
	path = baseline_path(NULL, name, ".pb.gz");
	if (!path)
		return -ENOMEM;
	if (access(path, F_OK) < 0) {
		message_error("there is no baseline '%s' in '%s'; 'perfctl baseline list' shows "
			      "what there is",
			name, baseline_directory(NULL));
		return -ENOENT;
	}
	return source_load(path, ret_profile);
}

static int load_store(const char *text, uint32_t n_parts, struct profile **ret_profile)
{
	CLEANUP(freep) char *copy = strdup(text);
	struct store_source source;
	int r = copy ? store_source_parse(copy, time_now_ns(CLOCK_REALTIME) / NS_PER_MS, &source)
		     : -ENOMEM;

	if (r)
		return r;
	source.n_parts = n_parts;
	return store_source_load(&source, ret_profile) ? -EREMOTEIO : 0;
}

int source_load(const char *source, struct profile **ret_profile)
{
	CLEANUP(buffer_done) struct buffer buffer = {0};
	CLEANUP(freep) char *quoted = NULL;
	struct profile_error error = {0};
	const char *name = "standard input";
	int r;

	if (*source == '@')
		return load_baseline(source + 1, ret_profile);
	if (text_starts_with(source, STORE_SOURCE_PREFIX))
		return load_store(source + strlen(STORE_SOURCE_PREFIX), 0, ret_profile);
	if (strcmp(source, "-") != 0) {
		if (asprintf(&quoted, "'%s'", source) < 0) {
			quoted = NULL;
			return -ENOMEM;
		}
		name = quoted;
	}
	r = read_source(source, name, &buffer);
	if (r < 0)
		return r;
	r = source_decode(buffer.data, buffer.size, ret_profile, &error);
	if (r == 0)
		return 0;
	if (r == PROFILE_MALFORMED) {
		message_error("cannot read %s: %s; it must be pprof, folded stacks or the text of "
			      "perf script",
			name, error.text);
		return -EINVAL;
	}
	return say_failure(name, r);
}

int source_load_timeless(const char *source, struct profile **ret_profile)
{
	if (text_starts_with(source, STORE_SOURCE_PREFIX))
		return load_store(source + strlen(STORE_SOURCE_PREFIX), 1, ret_profile);
	return source_load(source, ret_profile);
}
