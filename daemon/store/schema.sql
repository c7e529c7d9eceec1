-- SPDX-License-Identifier: GPL-2.0-or-later
-- Index and dictionary of continuous profiles; the samples of a window are one BLOB per visibility.

CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;

-- Records in chunks: see daemon/store/chunk.h and record.h. last: when one of them was met, in seconds
-- since the epoch; brought up to date now and then only.
CREATE TABLE str (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, n INTEGER NOT NULL,
	n_bytes INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE frame (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, n INTEGER NOT NULL,
	n_bytes INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE stack (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, n INTEGER NOT NULL,
	n_bytes INTEGER NOT NULL, data BLOB NOT NULL);
-- Labels live here, never in stacks.
CREATE TABLE thread (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, n INTEGER NOT NULL,
	n_bytes INTEGER NOT NULL, data BLOB NOT NULL);

-- Times in nanoseconds since the epoch. level: 0 as sealed, then 1, 2, 3, rolled up.
-- covered_ns: how long was recorded between them. serial: which it was, 0 once rolled up.
CREATE TABLE window (
	id INTEGER PRIMARY KEY, level INTEGER NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL,
	covered_ns INTEGER NOT NULL, event INTEGER NOT NULL, rate REAL NOT NULL, host INTEGER NOT NULL,
	n_cpus INTEGER NOT NULL, missed INTEGER NOT NULL, serial BLOB);
CREATE INDEX window_time ON window (level, t0);
CREATE UNIQUE INDEX window_serial ON window (serial) WHERE serial IS NOT NULL;

-- Windows that are closed and still wait for names, as pprof: of this life of perfd until they come
-- themselves, of another all there is.
CREATE TABLE kept (id INTEGER PRIMARY KEY, serial BLOB NOT NULL UNIQUE, life BLOB NOT NULL,
	data BLOB NOT NULL);

CREATE TABLE lost (window INTEGER NOT NULL, reason INTEGER NOT NULL, n INTEGER NOT NULL,
	PRIMARY KEY (window, reason)) WITHOUT ROWID;

-- visible_to: the uid that may read it besides admins; 0: none.
CREATE TABLE segment (id INTEGER PRIMARY KEY, window INTEGER NOT NULL, visible_to INTEGER NOT NULL,
	n INTEGER NOT NULL, n_bytes INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX segment_window ON segment (window);
