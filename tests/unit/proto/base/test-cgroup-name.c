/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Paths of control groups, in the forms that their makers give them. */

#include "proto/base/cgroup-name.h"

#include <errno.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define ID "3b1f0d6c5e9a87421122334455667788990011aabbccddeeff00112233445566"
#define POD "8f1a2b3c_4d5e_6f70_8192_a3b4c5d6e7f8"

static const struct {
	const char *path, *unit, *container;
} paths[] = {
	{"", "", ""},
	{"/", "", ""},
	{"///", "", ""},
	{"/init.scope", "init.scope", ""},
	{"/system.slice", "system.slice", ""},
	{"/system.slice/nginx.service", "nginx.service", ""},
	{"/system.slice/nginx.service/worker-1", "nginx.service", ""},
	{"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", ""},
	{"/system.slice/dev-disk-by\\x2duuid.swap", "dev-disk-by\\x2duuid.swap", ""},
	{"/system.slice/ssh.socket", "ssh.socket", ""},
	{"/system.slice/_cpu.service", "cpu.service", ""},
	{"/a.slice/a-b.slice/free", "a-b.slice", ""},
	{"/user.slice/user-1000.slice/session-3.scope", "session-3.scope", ""},
	{"/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope", ""},
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", "web.service", ""},
	{"/user.slice/user-1000.slice/user@1000.service/app.slice", "user@1000.service", ""},
	/* docker, by systemd and by itself */
	{"/system.slice/docker-" ID ".scope", "docker-" ID ".scope", ID},
	{"/docker/" ID, "", ID},
	{"/docker/" ID "/system.slice/cron.service", "cron.service", ID},
	{"/docker/buildx", "", ""},
	/* podman, as root and as a user; its monitor is no container */
	{"/machine.slice/libpod-" ID ".scope/container", "libpod-" ID ".scope", ID},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
		"libpod-" ID ".scope", ID},
	{"/libpod_parent/libpod-" ID, "", ID},
	{"/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", ""},
	/* kubernetes: containerd, cri-o, docker; by systemd and by itself */
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD
	 ".slice/cri-containerd-" ID ".scope",
		"cri-containerd-" ID ".scope", ID},
	{"/kubepods.slice/kubepods-pod" POD ".slice/crio-" ID ".scope", "crio-" ID ".scope", ID},
	{"/kubepods.slice/kubepods-pod" POD ".slice/crio-conmon-" ID ".scope",
		"crio-conmon-" ID ".scope", ""},
	{"/kubepods.slice/kubepods-pod" POD ".slice/docker-" ID ".scope", "docker-" ID ".scope",
		ID},
	{"/kubepods/burstable/pod" POD "/" ID, "", ID},
	{"/kubepods/besteffort/pod" POD, "", ""},
	{"/system.slice/containerd.service/kubepods-besteffort-pod" POD ".slice:cri-containerd:" ID,
		"containerd.service", ID},
	{"/system.slice/nerdctl-" ID ".scope", "nerdctl-" ID ".scope", ID},
	/* systemd-nspawn, with systemd inside */
	{"/machine.slice/machine-web.scope/payload/system.slice/nginx.service", "nginx.service",
		"web"},
	{"/machine.slice/machine-my\\x2dbox.scope", "machine-my\\x2dbox.scope", "my-box"},
	{"/machine.slice/systemd-nspawn@my\\x2dbox.service/payload/init.scope", "init.scope",
		"my-box"},
	{"/machine.slice/machine-.scope", "machine-.scope", ""},
	{"/machine.slice/machine-a\\x00b.scope", "machine-a\\x00b.scope", ""},
	/* lxc */
	{"/lxc/web/init.scope", "init.scope", "web"},
	{"/lxc.payload.web/system.slice/cron.service", "cron.service", "web"},
	{"/lxc.payload/web", "", "web"},
	{"/lxc.monitor.web", "", ""},
	/* the innermost of containers in containers */
	{"/lxc/web/docker/" ID, "", ID},
	/* what only looks like it */
	{"/system.slice/docker-web.service", "docker-web.service", ""},
	{"/system.slice/docker-1234.scope", "docker-1234.scope", ""},
	{"/system.slice/" ID, "system.slice", ID},
	{"/system.slice/" ID "0", "system.slice", ""},
	{"/default/" ID, "", ID},
	{"/k8s.io/" ID "/init", "", ID},
	{"/ecs/0123456789abcdef0123456789abcdef/" ID, "", ID},
	{"/.service/.slice", ".slice", ""},
	{"relative.slice/x.service", "x.service", ""},
};

START_TEST(path_tells_unit_and_container)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct cgroup_names names;

		cgroup_names_parse(paths[i].path, &names);
		ck_assert_msg(!strcmp(names.unit, paths[i].unit), "%s: unit '%s'", paths[i].path,
			names.unit);
		ck_assert_msg(!strcmp(names.container, paths[i].container), "%s: container '%s'",
			paths[i].path, names.container);
	}
}
END_TEST

START_TEST(names_that_are_too_long_are_none)
{
	char path[600] = "/";
	struct cgroup_names names;

	memset(path + 1, 'a', 500);
	strcpy(path + 501, ".service");
	cgroup_names_parse(path, &names);
	ck_assert_str_eq(names.unit, "");
}
END_TEST

START_TEST(unit_without_a_suffix_is_a_service)
{
	char unit[CGROUP_NAME_SIZE], small[8];

	ck_assert_int_eq(cgroup_unit_complete("nginx", unit, sizeof(unit)), 0);
	ck_assert_str_eq(unit, "nginx.service");
	ck_assert_int_eq(cgroup_unit_complete("system.slice", unit, sizeof(unit)), 0);
	ck_assert_str_eq(unit, "system.slice");
	ck_assert_int_eq(cgroup_unit_complete("a.b", unit, sizeof(unit)), 0);
	ck_assert_str_eq(unit, "a.b.service");
	ck_assert_int_eq(cgroup_unit_complete("nginx", small, sizeof(small)), -ENAMETOOLONG);
}
END_TEST

START_TEST(component_is_compared_as_it_is_escaped)
{
	ck_assert(cgroup_component_is_unit("nginx.service", "nginx.service"));
	ck_assert(cgroup_component_is_unit("_cpu.service", "cpu.service"));
	ck_assert(!cgroup_component_is_unit("nginx.service", "inx.service"));
	ck_assert(!cgroup_component_is_unit("nginx", "nginx.service"));
}
END_TEST

START_TEST(units_of_the_host_lie_in_slices)
{
	ck_assert(cgroup_is_in_slices("/nginx.service"));
	ck_assert(cgroup_is_in_slices("/system.slice/nginx.service"));
	ck_assert(cgroup_is_in_slices("/system.slice/system-a.slice/a@1.service/"));
	ck_assert(!cgroup_is_in_slices("/docker/x/system.slice/nginx.service"));
	ck_assert(!cgroup_is_in_slices(
		"/user.slice/user-1.slice/user@1.service/app.slice/nginx.service"));
	ck_assert(cgroup_is_in_slices(""));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		path_tells_unit_and_container,
		names_that_are_too_long_are_none,
		unit_without_a_suffix_is_a_service,
		component_is_compared_as_it_is_escaped,
		units_of_the_host_lie_in_slices,
	};

	return check_main("base/cgroup-name", tests, ARRAY_SIZE(tests));
}
