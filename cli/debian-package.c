// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What `dpkg -S` does, without running it: each package has a list of its files, one to a line, called
 * PACKAGE.list or PACKAGE:ARCHITECTURE.list.
 */

#include "cli/debian-package.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define LIST_BYTES_MAX (16u << 20)

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* Does the text have this line, up to a newline or its end? */
static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at += n)
		if ((at == text || at[-1] == '\n') && (at[n] == '\n' || !at[n]))
			return true;
	return false;
}

static bool lists(int directory_fd, const char *list, const char *path)
{
	CLEANUP(freep) char *text = NULL;

	if (text_read_file(directory_fd, list, LIST_BYTES_MAX, &text, NULL) < 0)
		return false;
	return has_line(text, path) ||
		(text_starts_with(path, "/usr/") && has_line(text, path + strlen("/usr")));
}

bool debian_package_find(const char *directory, const char *path, char *name, size_t size)
{
	CLEANUP(closedirp) DIR *lists_directory = opendir(directory);
	const struct dirent *entry;

	if (!lists_directory || path[0] != '/' || strchr(path, '\n'))
		return false;
	while ((entry = readdir(lists_directory))) {
		if (!text_ends_with(entry->d_name, ".list") ||
			!lists(dirfd(lists_directory), entry->d_name, path))
			continue;
		snprintf(name, size, "%.*s", (int)strcspn(entry->d_name, ":"), entry->d_name);
		if (text_ends_with(name, ".list"))
			name[strlen(name) - strlen(".list")] = '\0';
		return true;
	}
	return false;
}

void debian_debug_package(const char *package, char *name, size_t size)
{
	if (!strcmp(package, "libc6"))
		snprintf(name, size, "libc6-dbg");
	else
		snprintf(name, size, "%s-dbgsym", package);
}
