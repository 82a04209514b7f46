// SPDX-License-Identifier: LGPL-2.1-or-later
// Builds a row's frame.

#include "frames.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <netinet/icmp6.h>
#include <stdbool.h>
#include <string.h>

static void put(struct frame *f, const void *data, size_t len)
{
	if (f->len + len > sizeof(f->data))
		errx(2, "frame too long");
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

static void put8(struct frame *f, uint8_t value)
{
	put(f, &value, 1);
}

static void put16(struct frame *f, uint16_t value)
{
	value = htons(value);
	put(f, &value, sizeof(value));
}

static void put_zero(struct frame *f, size_t len)
{
	while (len--)
		put8(f, 0);
}

static int nibble(char c)
{
	if (!isxdigit((unsigned char)c))
		errx(2, "'%c' is not a hex digit", c);
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

void frame_hex(struct frame *f, const char *hex)
{
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		if (*hex == 'G' || *hex == 'F') {
			frame_hex(f, *hex == 'G' ? GUEST : FOREIGN);
			continue;
		}
		if (!hex[1])
			errx(2, "odd number of hex digits");
		put8(f, nibble(hex[0]) << 4 | nibble(hex[1]));
		hex++;
	}
}

static void put_addr(struct frame *f, int family, const char *text)
{
	uint8_t addr[16];

	if (inet_pton(family, text, addr) != 1)
		errx(2, "%s: not an address", text);
	put(f, addr, family == AF_INET ? 4 : 16);
}

static void set16(struct frame *f, size_t at, uint16_t value)
{
	f->data[at] = value >> 8;
	f->data[at + 1] = value;
}

static uint32_t sum(const uint8_t *p, size_t len, uint32_t start)
{
	for (; len > 1; p += 2, len -= 2)
		start += p[0] << 8 | p[1];
	return len ? start + (p[0] << 8) : start;
}

static uint16_t fold(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return ~value;
}

/* Each frame is told from all others by its bytes; this makes equal ones differ. */
static uint16_t cookie(const struct row *r)
{
	return r - rows + 1;
}

static const char *destination(const struct row *r, int family)
{
	if (r->dst)
		return r->dst;
	return family == AF_INET ? PEER4 : PEER6;
}

static void ethernet(struct frame *f, const struct row *r, int family, uint16_t type)
{
	const char *dst = destination(r, family);
	uint8_t group[16];

	if (r->eth_dst) {
		frame_hex(f, r->eth_dst);
	} else if (family == AF_INET6 && inet_pton(AF_INET6, dst, group) == 1 &&
		   group[0] == 0xff) {
		put16(f, 0x3333);
		put(f, group + 12, 4);
	} else {
		frame_hex(f, PEER);
	}
	frame_hex(f, r->eth_src ? r->eth_src : GUEST);
	if (r->tags)
		frame_hex(f, r->tags);
	put16(f, type);
}

static void body(struct frame *f, const struct row *r)
{
	if (r->body)
		frame_hex(f, r->body);
	else
		put_zero(f, r->body_len);
}

static void udp(struct frame *f, const struct row *r)
{
	size_t at = f->len;

	put16(f, r->sport ? r->sport : 1000);
	put16(f, r->dport ? r->dport : 2000);
	put_zero(f, 4);
	body(f, r);
	set16(f, at + 4, f->len - at);
}

static void icmp(struct frame *f, const struct row *r)
{
	size_t at = f->len;

	put8(f, r->type);
	put8(f, r->code);
	put16(f, 0);
	body(f, r);
	set16(f, at + 2, fold(sum(f->data + at, f->len - at, 0)));
}

void build_ip4(struct frame *f, const struct row *r)
{
	size_t at, options_len = r->options ? strlen(r->options) / 2 : 0;
	uint8_t proto = r->proto ? r->proto : IPPROTO_UDP;
	bool later = r->frag & 0x1fff;

	ethernet(f, r, AF_INET, 0x0800);
	at = f->len;
	put8(f, r->version_ihl ? r->version_ihl : 0x45 + options_len / 4);
	put8(f, 0);
	put16(f, 0);
	put16(f, cookie(r));
	put16(f, r->frag);
	put8(f, 64);
	put8(f, proto);
	put16(f, 0);
	put_addr(f, AF_INET, r->src);
	put_addr(f, AF_INET, destination(r, AF_INET));
	if (r->options)
		frame_hex(f, r->options);
	if (!later && proto == IPPROTO_UDP)
		udp(f, r);
	else if (!later && proto == IPPROTO_ICMP)
		icmp(f, r);
	else
		body(f, r);
	set16(f, at + 2, r->wrong_length ? r->wrong_length : f->len - at);
	set16(f, at + 10, fold(sum(f->data + at, 20 + options_len, 0)));
}

/* Real ARP frames are padded to 60 bytes; the padding holds the cookie. */
void build_arp(struct frame *f, const struct row *r)
{
	ethernet(f, r, AF_INET, r->ethertype ? r->ethertype : 0x0806);
	put16(f, r->htype ? r->htype : 1);
	put16(f, r->ptype ? r->ptype : 0x0800);
	put8(f, r->hlen ? r->hlen : 6);
	put8(f, r->plen ? r->plen : 4);
	put16(f, r->type);
	frame_hex(f, r->sha ? r->sha : GUEST);
	put_addr(f, AF_INET, r->src);
	put_zero(f, 6);
	put_addr(f, AF_INET, destination(r, AF_INET));
	put16(f, cookie(r));
	put_zero(f, 16);
}

/*
 * h hop-by-hop (padding), r hop-by-hop (router alert), d destination options, s routing;
 * f first fragment, l later one, a the only one.
 */
static uint8_t ext_type(char c)
{
	switch (c) {
	case 'h':
	case 'r':
		return IPPROTO_HOPOPTS;
	case 'd':
		return IPPROTO_DSTOPTS;
	case 's':
		return IPPROTO_ROUTING;
	default:
		return IPPROTO_FRAGMENT;
	}
}

static void ext_header(struct frame *f, char c, uint8_t next)
{
	put8(f, next);
	put8(f, 0);
	switch (c) {
	case 'h':
	case 'd':
		frame_hex(f, "010400000000");
		break;
	case 'r':
		frame_hex(f, "050200000100");
		break;
	case 's':
		frame_hex(f, "040000000000");
		break;
	case 'f':
		frame_hex(f, "0001 00001234");
		break;
	case 'l':
		frame_hex(f, "0508 00001234");
		break;
	case 'a':
		frame_hex(f, "0000 00001234");
		break;
	default:
		errx(2, "extension header '%c'", c);
	}
}

static void icmp6_message(struct frame *f, const struct row *r)
{
	put8(f, r->type);
	put8(f, r->code);
	put16(f, 0);
	if (r->target) {
		put16(f, r->type == ND_NEIGHBOR_ADVERT ? 0x6000 : 0);
		put16(f, 0);
		put_addr(f, AF_INET6, r->target);
	} else if (r->type == ND_ROUTER_SOLICIT) {
		put_zero(f, 4);
	}
	body(f, r);
	if (r->lladdrs)
		frame_hex(f, r->lladdrs);
}

void build_ip6(struct frame *f, const struct row *r)
{
	uint8_t proto = r->proto ? r->proto : IPPROTO_UDP;
	const char *ext = r->ext ? r->ext : "";
	size_t at, start;
	uint32_t pseudo;

	ethernet(f, r, AF_INET6, 0x86dd);
	at = f->len;
	put8(f, (r->version ? r->version : 6) << 4);
	put8(f, 0);
	put16(f, cookie(r));
	put16(f, 0);
	put8(f, *ext ? ext_type(*ext) : proto);
	put8(f, 255);
	put_addr(f, AF_INET6, r->src);
	put_addr(f, AF_INET6, destination(r, AF_INET6));
	for (; *ext; ext++)
		ext_header(f, *ext, ext[1] ? ext_type(ext[1]) : proto);
	start = f->len;
	if (r->ext && strchr(r->ext, 'l'))
		body(f, r);
	else if (proto == IPPROTO_UDP)
		udp(f, r);
	else if (proto == IPPROTO_ICMPV6)
		icmp6_message(f, r);
	else
		body(f, r);
	set16(f, at + 4, r->wrong_length ? r->wrong_length : f->len - at - 40);
	if (r->ext && strpbrk(r->ext, "lf"))
		return;
	pseudo = sum(f->data + at + 8, 32, f->len - start + proto);
	if (proto == IPPROTO_UDP)
		set16(f, start + 6, fold(sum(f->data + start, f->len - start, pseudo)));
	else if (proto == IPPROTO_ICMPV6)
		set16(f, start + 2, fold(sum(f->data + start, f->len - start, pseudo)));
}

/* Anything else: the body is the frame from its ethertype on. */
void build_raw(struct frame *f, const struct row *r)
{
	frame_hex(f, r->eth_dst ? r->eth_dst : PEER);
	frame_hex(f, r->eth_src ? r->eth_src : GUEST);
	frame_hex(f, r->body);
	put16(f, cookie(r));
	put_zero(f, 40);
}

void row_build(struct frame *f, const struct row *r)
{
	f->len = 0;
	r->build(f, r);
	if (r->cut)
		f->len = r->cut;
}
