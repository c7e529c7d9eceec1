/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Confines this process to the store's directory: another user than root, no capabilities, only what
 * SQLite needs of the kernel. 0 or a negative errno, with the step that failed. As root it also makes
 * the directory its root: *ret_path is the file's path from then on (borrowed from `path`).
 */
int sandbox_enter(const char *path, int keep_fd, const char **ret_path, const char **ret_step);
