/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A path is taken apart from the root down; each component may name a unit, a container, or both
 * (docker-ID.scope), and the deepest of each kind stands. What a component means may hang on the one
 * above it: a name alone is a container below "lxc".
 */

#include "proto/base/cgroup-name.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define ID_DIGITS_MIN 12
#define ID_DIGITS 64 /* of docker, podman, containerd and cri-o */

static bool is_hexadecimal(const char *text, size_t n)
{
	return n && strspn(text, "0123456789abcdef") >= n;
}

/* systemd puts a "_" before names that would be files of the hierarchy, or begin with one. */
static const char *unescape_component(const char *component)
{
	return *component == '_' ? component + 1 : component;
}

static bool is_slice(const char *name)
{
	return text_ends_with(name, ".slice");
}

static bool is_unit(const char *name)
{
	static const char *const suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (text_ends_with(name, suffixes[i]) && strlen(name) > strlen(suffixes[i]))
			return true;
	return false;
}

static void set(char *name, const char *text, size_t n)
{
	if (!n || n >= CGROUP_NAME_SIZE)
		return;
	memcpy(name, text, n);
	name[n] = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "my\x2dbox" -> "my-box" */
static void set_unescaped(char *name, const char *text, size_t n)
{
	char plain[CGROUP_NAME_SIZE];
	size_t m = 0;

	if (n >= sizeof(plain))
		return;
	for (size_t i = 0; i < n; i++) {
		bool is_escape = i + 3 < n && text[i] == '\\' && text[i + 1] == 'x' &&
			digit(text[i + 2]) >= 0 && digit(text[i + 3]) >= 0;

		plain[m++] = is_escape ? (char)(digit(text[i + 2]) * 16 + digit(text[i + 3]))
				       : text[i];
		if (is_escape)
			i += 3;
	}
	if (!memchr(plain, 0, m))
		set(name, plain, m);
}

/* "docker-ID.scope", "libpod-ID", "nerdctl-ID.scope"…: the id behind a manager's word. */
static bool container_by_word(const char *component, char *container)
{
	static const char *const words[] = {
		"docker-", "libpod-", "cri-containerd-", "crio-", "nerdctl-"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *id = component + strlen(words[i]);
		size_t n;

		if (!text_starts_with(component, words[i]))
			continue;
		n = strspn(id, "0123456789abcdef");
		if (n < ID_DIGITS_MIN || (id[n] && strcmp(id + n, ".scope")))
			return false;
		set(container, id, n);
		return true;
	}
	return false;
}

/* An id alone, as the managers' other driver has it, below whatever its namespace or configuration says:
 * "docker/ID", "k8s.io/ID", "kubepods/…/podUID/ID"; and "…podUID.slice:cri-containerd:ID", which
 * containerd makes where the two drivers are mixed up. */
static bool container_by_id(const char *component, char *container)
{
	const char *id = strstr(component, ":cri-containerd:");

	id = id ? id + strlen(":cri-containerd:") : component;
	if (strlen(id) != ID_DIGITS || !is_hexadecimal(id, ID_DIGITS))
		return false;
	set(container, id, ID_DIGITS);
	return true;
}

/* "machine-NAME.scope", "systemd-nspawn@NAME.service"; "lxc/NAME", "lxc.payload.NAME". */
static void container_by_name(const char *parent, const char *component, char *container)
{
	static const char machine[] = "machine-", nspawn[] = "systemd-nspawn@";
	static const char payload[] = "lxc.payload.";
	size_t n = strlen(component);

	if (text_starts_with(component, machine) && text_ends_with(component, ".scope") &&
		n > strlen(machine) + strlen(".scope"))
		set_unescaped(container, component + strlen(machine),
			n - strlen(machine) - strlen(".scope"));
	else if (text_starts_with(component, nspawn) && text_ends_with(component, ".service") &&
		n > strlen(nspawn) + strlen(".service"))
		set_unescaped(container, component + strlen(nspawn),
			n - strlen(nspawn) - strlen(".service"));
	else if (text_starts_with(component, payload))
		set(container, component + strlen(payload), n - strlen(payload));
	else if (!strcmp(parent, "lxc") || !strcmp(parent, "lxc.payload"))
		set(container, component, n);
}

void cgroup_names_parse(const char *path, struct cgroup_names *ret_names)
{
	char parent[CGROUP_NAME_SIZE] = "", component[CGROUP_NAME_SIZE] = "";
	bool has_unit = false;

	*ret_names = (struct cgroup_names){};
	for (;;) {
		const char *name;
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (!n)
			return;
		snprintf(parent, sizeof(parent), "%s", component);
		*component = '\0';
		set(component, path, n);
		path += n;
		name = unescape_component(component);
		if (is_unit(name)) {
			set(ret_names->unit, name, strlen(name));
			has_unit = true;
		} else if (is_slice(name) && !has_unit) {
			set(ret_names->unit, name, strlen(name));
		}
		if (!container_by_word(component, ret_names->container) &&
			!container_by_id(component, ret_names->container))
			container_by_name(parent, component, ret_names->container);
	}
}

int cgroup_unit_complete(const char *name, char *unit, size_t size)
{
	const char *suffix = is_unit(name) || is_slice(name) ? "" : ".service";
	int n = snprintf(unit, size, "%s%s", name, suffix);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

bool cgroup_component_is_unit(const char *component, const char *unit)
{
	return !strcmp(component, unit) ||
		(*component == '_' && !strcmp(unescape_component(component), unit));
}

bool cgroup_is_in_slices(const char *path)
{
	for (;;) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (!path[n] || !path[n + strspn(path + n, "/")])
			return true;
		if (n < strlen(".slice") || strncmp(path + n - 6, ".slice", 6))
			return false;
		path += n;
	}
}
