/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What comes out of the kernel's two rings, and when. capture_drain() is here, too. */

#include "daemon/capture/capture-state.h"

/* Opens both rings of the loaded object: events are handed on from now on. 0 or a negative errno. */
int delivery_open(struct capture *capture);
void delivery_close(struct capture *capture);

/* While a slot is taken, samples are handed on, and looks are made, at moments of our own. */
int delivery_start(struct capture *capture);
void delivery_stop(struct capture *capture);

/* Awake (userdata: the capture): what is due may be done at once. */
void delivery_wake(void *userdata);
