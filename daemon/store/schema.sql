-- SPDX-License-Identifier: GPL-2.0-or-later
-- Index and dictionary of continuous profiles; the samples of a window are one BLOB per visibility.
-- Digests are 128 bits keyed with this store's own secret: what a target makes cannot collide by plan.

CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;

-- last: when it was met, in seconds since the epoch; brought up to date now and then only.
CREATE TABLE str (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, last INTEGER NOT NULL);

-- detail: 0 without a name, 1 named, 2 with lines.
-- chain: varints, innermost line first: name, system name, file (of str), first line, line.
CREATE TABLE frame (
	id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, last INTEGER NOT NULL,
	path INTEGER NOT NULL, build_id INTEGER NOT NULL, address INTEGER NOT NULL,
	kind INTEGER NOT NULL, unnamed INTEGER NOT NULL, chain BLOB NOT NULL,
	detail INTEGER NOT NULL DEFAULT 0);

-- frames: varints, leaf first.
CREATE TABLE stack (
	id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, last INTEGER NOT NULL,
	frames BLOB NOT NULL);

-- Labels live here, never in stacks. Everything but numbers is of str.
CREATE TABLE thread (
	id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, last INTEGER NOT NULL,
	pid INTEGER NOT NULL, uid INTEGER NOT NULL, start_ns INTEGER NOT NULL, tid INTEGER NOT NULL,
	name INTEGER NOT NULL, comm INTEGER NOT NULL, exe INTEGER NOT NULL, unit INTEGER NOT NULL,
	container INTEGER NOT NULL, cgroup INTEGER NOT NULL);

-- Times in nanoseconds since the epoch. level: 0 as sealed, then 1, 2, 3, rolled up.
-- covered_ns: how long was recorded between them. serial: which it was, 0 once rolled up.
CREATE TABLE window (
	id INTEGER PRIMARY KEY, level INTEGER NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL,
	covered_ns INTEGER NOT NULL, event INTEGER NOT NULL, rate REAL NOT NULL, host INTEGER NOT NULL,
	n_cpus INTEGER NOT NULL, missed INTEGER NOT NULL, serial BLOB);
CREATE INDEX window_time ON window (level, t0);
CREATE UNIQUE INDEX window_serial ON window (serial) WHERE serial IS NOT NULL;

CREATE TABLE lost (window INTEGER NOT NULL, reason INTEGER NOT NULL, n INTEGER NOT NULL,
	PRIMARY KEY (window, reason)) WITHOUT ROWID;

-- visible_to: the uid that may read it besides admins; 0: none.
CREATE TABLE segment (window INTEGER NOT NULL, visible_to INTEGER NOT NULL, n INTEGER NOT NULL,
	n_bytes INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (window, visible_to)) WITHOUT ROWID;
