/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other end of a domain's ring with xenstored (xs_wire.h), for xenstored.c: a thread
 * that lets many clients use it, as the Linux kernel's xenbus does. Requests get numbers,
 * and watches get tokens, by which their answers and events find back.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <xen/io/xs_wire.h>

#define RING_PORT(domid) ((int)(domid) + 2)
#define RING_DOMAINS     8
#define RING_CLIENTS     64
#define RING_REQUESTS    256

struct message {
	struct xsd_sockmsg head;
	char body[XENSTORE_PAYLOAD_MAX + 64];
};

struct ring_client {
	int fd; /* -1: free */
	unsigned int number;
	size_t have;
	struct message in;
	unsigned int nwatches;
	char *watches[32]; /* PATH NUL TOKEN NUL, with our prefix */
	size_t lengths[32];
};

static struct ring {
	unsigned int domid;
	volatile struct xenstore_domain_interface *page;
	int wake, listener;
	struct ring_client clients[RING_CLIENTS];
	unsigned int last_client, next;
	struct {
		unsigned int client, id;
	} requests[RING_REQUESTS];
	size_t have;
	struct message in; /* from xenstored */
} * rings[RING_DOMAINS];

static int ring_pipe[2] = { -1, -1 };

/* What xenstored polls: the ports that something happened on. */
static int ring_events(void)
{
	if (ring_pipe[0] < 0 && pipe2(ring_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	return ring_pipe[0];
}

static int ring_pending(void)
{
	int port;

	return read(ring_pipe[0], &port, sizeof(port)) == sizeof(port) ? port : -1;
}

static void ring_notify(evtchn_port_t port)
{
	uint64_t one = 1;

	for (int i = 0; i < RING_DOMAINS && rings[i]; i++) {
		if (RING_PORT(rings[i]->domid) == (int)port &&
		    write(rings[i]->wake, &one, sizeof(one)) < 0)
			abort();
	}
}

static void ring_kick(const struct ring *r)
{
	int port = RING_PORT(r->domid);

	if (write(ring_pipe[1], &port, sizeof(port)) < 0 && errno != EAGAIN)
		abort();
}

static void ring_receive(struct ring *r);

static void ring_put(struct ring *r, const void *data, size_t len)
{
	const char *s = data;

	while (len) {
		XENSTORE_RING_IDX prod = r->page->req_prod;

		if (prod - r->page->req_cons == XENSTORE_RING_SIZE) {
			ring_receive(r);
			usleep(100);
			continue;
		}
		r->page->req[MASK_XENSTORE_IDX(prod)] = *s++;
		atomic_thread_fence(memory_order_seq_cst);
		r->page->req_prod = prod + 1;
		if (!--len || r->page->req_prod - r->page->req_cons == XENSTORE_RING_SIZE)
			ring_kick(r);
	}
}

/* `c` NULL: nobody waits for the answer. */
static void ring_request(struct ring *r, const struct ring_client *c, struct message m)
{
	unsigned int slot = r->next++ % RING_REQUESTS;

	r->requests[slot].client = c ? c->number : 0;
	r->requests[slot].id = m.head.req_id;
	m.head.req_id = slot;
	ring_put(r, &m, sizeof(m.head) + m.head.len);
}

static struct ring_client *ring_client(struct ring *r, unsigned int number)
{
	for (int i = 0; i < RING_CLIENTS && number; i++) {
		if (r->clients[i].fd >= 0 && r->clients[i].number == number)
			return &r->clients[i];
	}
	return NULL;
}

static void ring_gone(struct ring *r, struct ring_client *c)
{
	for (unsigned int i = 0; i < c->nwatches; i++) {
		struct message m = { .head = { .type = XS_UNWATCH } };

		m.head.len = (uint32_t)c->lengths[i];
		memcpy(m.body, c->watches[i], c->lengths[i]);
		free(c->watches[i]);
		ring_request(r, NULL, m);
	}
	close(c->fd);
	c->fd = -1;
}

/* An answer or an event, complete. */
static void ring_deliver(struct ring *r)
{
	struct message *m = &r->in;
	struct ring_client *c;
	size_t len;

	if (m->head.type == XS_WATCH_EVENT) {
		char *token = m->body + strlen(m->body) + 1, *end;

		c = ring_client(r, (unsigned int)strtoul(token, &end, 10));
		len = (size_t)(m->body + m->head.len - ++end);
		memmove(token, end, len);
		m->head.len = (uint32_t)(token + len - m->body);
	} else {
		unsigned int slot = m->head.req_id % RING_REQUESTS;

		c = ring_client(r, r->requests[slot].client);
		m->head.req_id = r->requests[slot].id;
	}
	len = sizeof(m->head) + m->head.len;
	if (c && send(c->fd, m, len, MSG_NOSIGNAL) != (ssize_t)len)
		shutdown(c->fd, SHUT_RDWR);
}

static void ring_receive(struct ring *r)
{
	bool some = false;

	while (r->page->rsp_cons != r->page->rsp_prod) {
		XENSTORE_RING_IDX cons = r->page->rsp_cons;

		atomic_thread_fence(memory_order_seq_cst);
		((char *)&r->in)[r->have++] = r->page->rsp[MASK_XENSTORE_IDX(cons)];
		r->page->rsp_cons = cons + 1;
		some = true;
		if (r->have >= sizeof(r->in.head) &&
		    r->have == sizeof(r->in.head) + r->in.head.len) {
			r->have = 0;
			ring_deliver(r);
		}
	}
	if (some)
		ring_kick(r);
}

/* PATH NUL TOKEN NUL gets the client's number into its token. */
static void ring_prefix(struct ring_client *c)
{
	struct message *m = &c->in;
	char *token = m->body + strlen(m->body) + 1, prefix[16];
	int n = snprintf(prefix, sizeof(prefix), "%u:", c->number);

	memmove(token + n, token, (size_t)(m->body + m->head.len - token));
	memcpy(token, prefix, (size_t)n);
	m->head.len += (uint32_t)n;
	if (m->head.type == XS_WATCH && c->nwatches < 32) {
		c->watches[c->nwatches] =
			memcpy(malloc(m->head.len), m->body, m->head.len);
		c->lengths[c->nwatches++] = m->head.len;
	}
}

static void ring_read(struct ring *r, struct ring_client *c)
{
	size_t want = sizeof(c->in.head);
	ssize_t n;

	if (c->have >= want)
		want += c->in.head.len;
	n = want > sizeof(c->in.head) + XENSTORE_PAYLOAD_MAX
		    ? 0
		    : read(c->fd, (char *)&c->in + c->have, want - c->have);
	if (n <= 0) {
		ring_gone(r, c);
		return;
	}
	c->have += (size_t)n;
	if (c->have < sizeof(c->in.head) || c->have < sizeof(c->in.head) + c->in.head.len)
		return;
	if (c->in.head.type == XS_WATCH || c->in.head.type == XS_UNWATCH)
		ring_prefix(c);
	ring_request(r, c, c->in);
	c->have = 0;
}

static void ring_accept(struct ring *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);

	for (int i = 0; i < RING_CLIENTS && fd >= 0; i++) {
		if (r->clients[i].fd < 0) {
			memset(&r->clients[i], 0, sizeof(r->clients[i]));
			r->clients[i].fd = fd;
			r->clients[i].number = ++r->last_client;
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

static void *ring_thread(void *data)
{
	struct ring *r = data;

	for (;;) {
		struct pollfd p[RING_CLIENTS + 2] = {
			{ .fd = r->wake, .events = POLLIN },
			{ .fd = r->listener, .events = POLLIN },
		};
		uint64_t n;

		for (int i = 0; i < RING_CLIENTS; i++)
			p[i + 2] = (struct pollfd){ r->clients[i].fd, POLLIN, 0 };
		poll(p, RING_CLIENTS + 2, -1);
		if (p[0].revents && read(r->wake, &n, sizeof(n)) < 0)
			abort();
		ring_receive(r);
		for (int i = 0; i < RING_CLIENTS; i++) {
			if (p[i + 2].revents)
				ring_read(r, &r->clients[i]);
		}
		if (p[1].revents)
			ring_accept(r);
	}
	return NULL;
}

/* An introduced domain's ring, with the thread at its other end. */
static void *ring_make(unsigned int domid)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ring *r = calloc(1, sizeof(*r));
	pthread_t thread;
	int slot = 0;

	while (slot < RING_DOMAINS && rings[slot])
		slot++;
	if (!r || slot == RING_DOMAINS)
		return NULL;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/domain-%u",
		 getenv("XENSTORED_RUNDIR"), domid);
	r->domid = domid;
	r->page = calloc(1, sizeof(*r->page));
	r->wake = eventfd(0, EFD_CLOEXEC);
	r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < RING_CLIENTS; i++)
		r->clients[i].fd = -1;
	if (!r->page || bind(r->listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(r->listener, RING_CLIENTS) < 0 || ring_events() < 0)
		return NULL;
	rings[slot] = r;
	return pthread_create(&thread, NULL, ring_thread, r) ? NULL
							     : (void *)(uintptr_t)r->page;
}
