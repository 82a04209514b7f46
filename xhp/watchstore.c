// SPDX-License-Identifier: LGPL-2.1-or-later
// Xenstore's watches, for a process that lives long.

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

#include "watchstore.h"

/*
 * libxenstore without threads, as it is linked statically, takes an event for the answer
 * to a request: events come over a connection that has one watch, and asks nothing.
 */
static struct xs_handle *handle, *events;
static int copy = -1; /* of the latter's descriptor */

void watchstore_close(void)
{
	if (handle)
		xs_close(handle);
	if (events)
		xs_close(events);
	if (copy >= 0)
		close(copy);
	handle = events = NULL;
	copy = -1;
}

bool watchstore_open(void)
{
	int fd;

	watchstore_close();
	handle = xs_open(0);
	/* libxenstore tells nobody its descriptor, nor that the other end is gone: it is
	 * the next free one, and its copy is looked at */
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	events = handle ? xs_open(0) : NULL;
	if (events)
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return events;
}

int watchstore_events(void)
{
	return xs_fileno(events);
}

int watchstore_socket(void)
{
	return copy;
}

bool watchstore_watch(const char *path)
{
	return xs_watch(events, path, "");
}

bool watchstore_next(char *ret, size_t size)
{
	char **event = xs_check_watch(events);
	size_t len;

	if (!event)
		return false;
	len = strlen(event[XS_WATCH_PATH]);
	*ret = '\0';
	if (len < size)
		memcpy(ret, event[XS_WATCH_PATH], len + 1);
	free(event);
	return true;
}

int watchstore_read(const char *path, char *ret, size_t size)
{
	unsigned int len;
	char *value = xs_read(handle, XBT_NULL, path, &len);

	if (!value)
		return errno ? -errno : -EIO;
	if (len >= size)
		len = (unsigned int)size - 1;
	memcpy(ret, value, len);
	ret[len] = '\0';
	free(value);
	return 0;
}

int watchstore_write(const char *path, const char *value)
{
	if (xs_write(handle, XBT_NULL, path, value, (unsigned int)strlen(value)))
		return 0;
	return errno ? -errno : -EIO;
}

int watchstore_list(const char *path, void (*found)(void *data, const char *name),
		    void *data)
{
	unsigned int n;
	char **names = xs_directory(handle, XBT_NULL, path, &n);

	if (!names)
		return errno == ENOENT ? 0 : errno ? -errno : -EIO;
	for (unsigned int i = 0; i < n; i++)
		found(data, names[i]);
	free(names);
	return 0;
}
