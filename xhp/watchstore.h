/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Xenstore for a process that lives long: nothing that it returns is kept anywhere. */
#ifndef XHP_WATCHSTORE_H
#define XHP_WATCHSTORE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Connections of its own, beside store.h's. False if xenstored is not there; those
 * before are closed, and the watch with them.
 */
bool watchstore_open(void);
void watchstore_close(void);

/* To be polled for input: there may be events; the second also for a hang-up: xenstored
 * has gone. */
int watchstore_events(void);
int watchstore_socket(void);

/* Once for a connection. */
bool watchstore_watch(const char *path);
/* The path of the next event; false if there is none now. */
bool watchstore_next(char *ret, size_t size);

/* 0, -ENOENT, or another -errno: then nothing is known. */
int watchstore_read(const char *path, char *ret, size_t size);
int watchstore_write(const char *path, const char *value);

/* Calls `found` for each name right below a directory, which may not be there. */
int watchstore_list(const char *path, void (*found)(void *data, const char *name),
		    void *data);

#endif
