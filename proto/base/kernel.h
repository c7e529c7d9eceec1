/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* The oldest kernel that perfd samples on. */
#define KERNEL_FLOOR_MAJOR 6
#define KERNEL_FLOOR_MINOR 1
/* The one machine that the kernel side is written for, as uname(2) names it: see bpf/arm64.md. */
#define KERNEL_MACHINE "x86_64"

/* Is a kernel's release text, as uname(2) gives it, at least that version? */
bool kernel_is_at_least(const char *release, unsigned major, unsigned minor);
