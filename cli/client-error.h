/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "cli/client.h"

/* An error reply as name, sentence and exit code. Texts in it are free of control characters. */
void client_error_decode(struct client_error *error, const char *name, json_t *parameters);
