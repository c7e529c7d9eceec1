/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Finding what a machine has to test with, wherever its distribution puts it. */

#include "tests/worker/find-file.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "proto/base/cleanup.h"

static int find_vdso(void)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	int fd = header ? memfd_create("vdso", MFD_CLOEXEC) : -1;
	size_t size;

	if (fd < 0)
		return -1;
	size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
	if (write(fd, header, size) != (ssize_t)size)
		closep(&fd);
	return fd;
}

static int find_library(const char *name)
{
	void *library = dlopen(name, RTLD_LAZY);
	struct link_map *map;

	if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) < 0)
		return -1;
	return open(map->l_name, O_RDONLY | O_CLOEXEC);
}

static int find_program(const char *name)
{
	CLEANUP(freep) char *path = strdup(getenv("PATH") ? getenv("PATH") : "");
	char *state = NULL;

	for (char *part = strtok_r(path, ":", &state); part; part = strtok_r(NULL, ":", &state)) {
		char file[4096], magic[SELFMAG];
		int fd;

		snprintf(file, sizeof(file), "%s/%s", part, name);
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && pread(fd, magic, SELFMAG, 0) == SELFMAG &&
			!memcmp(magic, ELFMAG, SELFMAG))
			return fd;
		closep(&fd); /* perhaps a script that calls the real one */
	}
	return -1;
}

static int find_pattern(const char *name)
{
	glob_t found;
	int fd = -1;

	if (glob(name, 0, NULL, &found) == 0) {
		fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);
		globfree(&found);
	}
	return fd;
}

int find_file(const char *name)
{
	if (!strcmp(name, "vdso"))
		return find_vdso();
	if (strchr(name, '/'))
		return find_pattern(name);
	return strstr(name, ".so") ? find_library(name) : find_program(name);
}
