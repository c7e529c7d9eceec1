/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Control groups by unit, path and container: directories stand for them. */

#include "daemon/target/cgroup-set.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/lib/check-main.h"

#define ID_A "3b1f0d6c5e9a87421122334455667788990011aabbccddeeff00112233445566"
#define ID_B "3b1f777777777742112233445566778899001122334455667788001122334455"

static struct {
	char root[32];
	struct cgroup_tree *tree;
	struct cgroup_set set;
	struct cgroup_problem problem;
} t;

static void make(const char *path)
{
	char text[512];

	snprintf(text, sizeof(text), "mkdir -p '%s%s'", t.root, path);
	ck_assert_int_eq(system(text), 0);
}

static void setup(void)
{
	static const char *const paths[] = {
		"/init.scope",
		"/system.slice/nginx.service/worker",
		"/system.slice/_cpu.service",
		"/system.slice/system-db.slice/db@1.service",
		"/system.slice/system-db.slice/db@2.service",
		"/system.slice/docker-" ID_A ".scope/system.slice/nginx.service",
		"/system.slice/docker-" ID_A ".scope/system.slice/inner.service",
		"/docker/" ID_B,
		"/user.slice/user-1.slice/user@1.service/app.slice/inner.service",
		"/user.slice/user-1.slice/user@1.service/app.slice/mine.service",
		"/machine.slice/machine-web.scope",
		"/machine.slice/machine-web\\x2d2.scope",
	};

	memset(&t, 0, sizeof(t));
	strcpy(t.root, "/tmp/test-cgroups-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(t.root));
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		make(paths[i]);
	ck_assert_int_eq(cgroup_tree_open_at(t.root, &t.tree), 0);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
	return remove(path);
}

static void teardown(void)
{
	cgroup_set_done(&t.set);
	cgroup_tree_free(t.tree);
	nftw(t.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct cgroup_found *)a)->group.path,
		((const struct cgroup_found *)b)->group.path);
}

/* The paths that are found, in order, with a blank between; or the outcome in words. */
static const char *find(const struct selector *selector)
{
	static char text[1024];
	int r;

	cgroup_set_done(&t.set);
	r = cgroup_set_find_in(t.tree, selector, &t.set, &t.problem);
	ck_assert_int_ge(r, 0);
	*text = '\0';
	if (r)
		return r == CGROUP_SET_NONE ? "none" : "unsupported";
	qsort(t.set.found, t.set.n, sizeof(*t.set.found), compare);
	for (size_t i = 0; i < t.set.n; i++) {
		const struct cgroup_group *group = &t.set.found[i].group;
		char path[512];
		struct stat status;
		unsigned depth = 0;

		snprintf(path, sizeof(path), "%s%s", t.root, group->path);
		ck_assert_int_eq(stat(path, &status), 0);
		ck_assert_uint_eq(status.st_ino, group->id);
		for (const char *p = group->path; *p; p++)
			depth += *p == '/' && p[1];
		ck_assert_uint_eq(depth, group->depth);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			group->path);
	}
	return text;
}

START_TEST(unit_is_found_by_its_name_wherever_it_runs)
{
	static const struct {
		const char *unit, *paths;
	} cases[] = {
		{"nginx", "/system.slice/nginx.service"},
		{"nginx.service", "/system.slice/nginx.service"},
		{"cpu.service", "/system.slice/_cpu.service"},
		{"system-db.slice", "/system.slice/system-db.slice"},
		{"db@2.service", "/system.slice/system-db.slice/db@2.service"},
		{"init.scope", "/init.scope"},
		{"mine", "/user.slice/user-1.slice/user@1.service/app.slice/mine.service"},
		{"inner",
			"/system.slice/docker-" ID_A ".scope/system.slice/inner.service "
			"/user.slice/user-1.slice/user@1.service/app.slice/inner.service"},
		{"system.slice", "/system.slice"},
		{"worker", "none"},
		{"no-such", "none"},
		{"../nginx", "none"},
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct selector selector = {.units = &cases[i].unit, .n_units = 1};
		const char *found = find(&selector);

		ck_assert_msg(!strcmp(found, cases[i].paths), "%s: %s", cases[i].unit, found);
		for (size_t j = 0; j < t.set.n; j++)
			ck_assert(t.set.found[j].is_followed);
	}
	teardown();
}
END_TEST

START_TEST(container_is_found_by_the_beginning_of_its_id)
{
	static const struct {
		const char *id, *paths;
	} cases[] = {
		{ID_A, "/system.slice/docker-" ID_A ".scope"},
		{"3b1f0", "/system.slice/docker-" ID_A ".scope"},
		{"3b1f7", "/docker/" ID_B},
		{"3b1f", "none"}, /* two */
		{"b1f0", "none"},
		{"web", "/machine.slice/machine-web.scope"}, /* though web-2 begins so */
		{"web-2", "/machine.slice/machine-web\\x2d2.scope"},
		{"we", "none"},
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct selector selector = {.containers = &cases[i].id, .n_containers = 1};
		const char *found = find(&selector);

		ck_assert_msg(!strcmp(found, cases[i].paths), "%s: %s", cases[i].id, found);
		for (size_t j = 0; j < t.set.n; j++)
			ck_assert(!t.set.found[j].is_followed);
	}
	teardown();
}
END_TEST

START_TEST(path_is_below_the_root_and_may_name_the_mount_point)
{
	char full[128];
	const char *paths[] = {"/system.slice/nginx.service", "system.slice//nginx.service/", full,
		"/", "/none", "/system.slice/../init.scope", "/system.slice/."};
	const char *const found[] = {"/system.slice/nginx.service", "/system.slice/nginx.service",
		"/init.scope", "/", "none", "none", "none"};

	setup();
	snprintf(full, sizeof(full), "%s/init.scope", t.root);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct selector selector = {
			.cgroups = (const char *const *)&paths[i], .n_cgroups = 1};

		ck_assert_str_eq(find(&selector), found[i]);
	}
	teardown();
}
END_TEST

START_TEST(set_has_what_lies_below_its_groups)
{
	static const char *const units[] = {"nginx"};
	const struct selector selector = {.units = units, .n_units = 1};

	setup();
	find(&selector);
	ck_assert(cgroup_set_has(&t.set, "/system.slice/nginx.service"));
	ck_assert(cgroup_set_has(&t.set, "/system.slice/nginx.service/worker"));
	ck_assert(!cgroup_set_has(&t.set, "/system.slice/nginx.service2"));
	ck_assert(!cgroup_set_has(&t.set, "/system.slice"));
	ck_assert(!cgroup_set_has(&t.set, ""));
	teardown();
}
END_TEST

START_TEST(mount_point_is_told_by_mountinfo)
{
	static const struct {
		const char *text, *mount;
	} cases[] = {
		{"", NULL},
		{"26 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup"},
		{"26 1 0:22 / /sys/fs/cgroup rw shared:4 master:1 - cgroup2 c rw\n",
			"/sys/fs/cgroup"},
		{"26 1 0:22 /docker/x /part rw - cgroup2 cgroup2 rw\n"
		 "27 1 0:22 / /all\\040of\\040it rw - cgroup2 cgroup2 rw\n",
			"/all of it"},
		{"26 1 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", NULL},
		{"26 1 0:22 / /a rw - cgroup2 x rw - tmpfs x rw\n", "/a"},
		{"26 1 0:22 /\n", NULL},
		{"26\n\n26 1\n - cgroup2 \n", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(freep) char *mount = cgroup_mount_parse(cases[i].text);

		ck_assert_msg(
			!mount == !cases[i].mount && (!mount || !strcmp(mount, cases[i].mount)),
			"case %zu: %s", i, mount ? mount : "none");
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		unit_is_found_by_its_name_wherever_it_runs,
		container_is_found_by_the_beginning_of_its_id,
		path_is_below_the_root_and_may_name_the_mount_point,
		set_has_what_lies_below_its_groups,
		mount_point_is_told_by_mountinfo,
	};

	return check_main("target/cgroups", tests, ARRAY_SIZE(tests));
}
