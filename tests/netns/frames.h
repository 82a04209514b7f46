// SPDX-License-Identifier: LGPL-2.1-or-later
// The frames a guest might send, and what a filter has to say to each.

#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* MACs in hex, as frame_hex() takes them; where a row has no other destination. */
#define GUEST   "00163e010203"
#define FOREIGN "00163e0a0b0c"
#define PEER    "02000000aaaa"
#define PEER4   "203.0.113.1"
#define PEER6   "2001:db8:ffff::1"

struct frame {
	size_t len;
	uint8_t data[1514];
};

/*
 * The filter lets the guest's own MAC and addresses through (see frametable.c). A family
 * without any address in the list is closed altogether.
 */
enum expect {
	DROP,
	IF4,  /* passes if IPv4 addresses are listed */
	IF6,  /* passes if IPv6 addresses are listed */
	MAC4, /* as IF4, but only if any MAC is allowed */
	MAC6,
};

struct row {
	const char *name;
	enum expect expect;
	void (*build)(struct frame *f, const struct row *r);

	const char *eth_src;   /* default: the guest */
	const char *eth_dst;   /* default: what belongs to the address, or a peer */
	uint16_t ethertype;    /* ARP only; default: 0x0806 */
	const char *tags;      /* hex: VLAN tags with their ethertypes */
	size_t cut;            /* the frame ends after that many bytes */
	const char *src, *dst; /* IP addresses; ARP: sender and target */

	uint8_t proto;         /* default UDP */
	uint16_t sport, dport; /* default 1000 and 2000 */
	uint8_t type, code;    /* ICMP, ICMPv6; ARP: type is the operation */
	const char *body;      /* hex: replaces what follows the last header built */
	size_t body_len;       /* if body is NULL: that many zero bytes, if any */

	uint8_t version_ihl;   /* IPv4: default 0x45 */
	const char *options;   /* IPv4: hex, multiple of four bytes */
	uint16_t frag;         /* IPv4: flags and offset */
	uint16_t wrong_length; /* IP: instead of the true one */

	uint8_t version; /* IPv6: default 6 */
	const char *ext; /* IPv6: headers, see framebuild.c */

	const char *target;  /* NS, NA: address */
	const char *lladdrs; /* NS, NA, RS, RA: options in hex */

	const char *sha;       /* ARP: sender's MAC */
	uint16_t htype, ptype; /* ARP: default 1 and 0x0800 */
	uint8_t hlen, plen;    /* ARP: default 6 and 4 */
};

extern const struct row rows[];
extern const size_t row_count;

void row_build(struct frame *f, const struct row *r);

/* What a row may have as its builder. */
void build_ip4(struct frame *f, const struct row *r);
void build_ip6(struct frame *f, const struct row *r);
void build_arp(struct frame *f, const struct row *r);
void build_raw(struct frame *f, const struct row *r);

/* Reads hex digits, blanks ignored, onto the end of the frame; exits if there is an
 * error. */
void frame_hex(struct frame *f, const char *hex);

#endif
