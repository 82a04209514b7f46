// SPDX-License-Identifier: LGPL-2.1-or-later
// The frames, each with the verdict that it deserves.

#include "frames.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

/*
 * The guest: may use 192.0.2.10/32, 198.51.100.0/28, 2001:db8::10/128, 2001:db8:1::/64
 * and the EUI-64 link-local address of its MAC.
 */
#define BROADCAST  "ffffffffffff"
#define OWN4       "192.0.2.10"
#define FOREIGN4   "192.0.2.11"
#define OWN6       "2001:db8::10"
#define FOREIGN6   "2001:db8::11"
#define OWN_LL     "fe80::216:3eff:fe01:203"
#define FOREIGN_LL "fe80::216:3eff:fe0a:b0c"
#define ALL_NODES  "ff02::1"
#define ROUTERS    "ff02::2"
#define MLD2       "ff02::16"
#define OWN_SOL    "ff02::1:ff00:10"
#define REPORT1    "00000000ff0200000000000000000001ff000010"
#define REPORT2    "0000000104000000ff0200000000000000000001ff000010"
#define QUERY      "00000000ff0200000000000000000001ff000010"
#define RA_BODY                                                    \
	"40000708000000000000000003044040000007080000070800000000" \
	"20010db8066600000000000000000000"
#define REDIRECT                                   \
	"00000000fe800000000000000000000000000001" \
	"20010db8066600000000000000000001"
#define ECHO "0001000170696e6770696e67"
/* Options of neighbour discovery: source and target address, nonce. */
#define SLLA     "0101G"
#define SLLA_BAD "0101F"
#define TLLA     "0201G"
#define TLLA_BAD "0201F"
#define NONCE    "0e01a1a2a3a4a5a6"

#define UDP4(s)     .build = build_ip4, .src = (s)
#define ICMP4(s, t) .build = build_ip4, .src = (s), .proto = IPPROTO_ICMP, .type = (t)
#define ARP(op, s)  .build = build_arp, .type = (op), .src = (s)
#define UDP6(s)     .build = build_ip6, .src = (s)
#define ICMP6(t, s, d) \
	.build = build_ip6, .proto = IPPROTO_ICMPV6, .type = (t), .src = (s), .dst = (d)
#define NS(s, t) ICMP6(ND_NEIGHBOR_SOLICIT, s, OWN_SOL), .target = (t)
#define NA(s, t) ICMP6(ND_NEIGHBOR_ADVERT, s, ALL_NODES), .target = (t)
#define RS(s)    ICMP6(ND_ROUTER_SOLICIT, s, ROUTERS)
#define RA(s)    ICMP6(ND_ROUTER_ADVERT, s, ALL_NODES), .body = RA_BODY
#define RAW(hex) .build = build_raw, .body = (hex)

// clang-format off
const struct row rows[] = {
	/* IPv4 */
	{ "IPv4 from the address", IF4, UDP4(OWN4) },
	{ "IPv4 to all", IF4, UDP4(OWN4), .dst = "255.255.255.255",
	  .eth_dst = BROADCAST },
	{ "IPv4 from an address not listed", DROP, UDP4(FOREIGN4) },
	{ "IPv4 from the address before", DROP, UDP4("192.0.2.9") },
	{ "IPv4 from another MAC", MAC4, UDP4(OWN4), .eth_src = FOREIGN },
	{ "IPv4 from 0.0.0.0", DROP, UDP4("0.0.0.0") },
	{ "IPv4 from 255.255.255.255", DROP, UDP4("255.255.255.255") },
	{ "IPv4 from a group", DROP, UDP4("224.0.0.1") },
	{ "IPv4 from 127.0.0.1", DROP, UDP4("127.0.0.1") },
	{ "IPv4 from the prefix' first address", IF4, UDP4("198.51.100.0") },
	{ "IPv4 from the prefix' last address", IF4, UDP4("198.51.100.15") },
	{ "IPv4 from one beyond the prefix", DROP, UDP4("198.51.100.16") },
	{ "IPv4 from one before the prefix", DROP, UDP4("198.51.99.255") },
	{ "IPv4, TCP", IF4, UDP4(OWN4), .proto = IPPROTO_TCP,
	  .body = "03e807d000000001000000005002200000000000" },
	{ "IPv4, IGMP", IF4, UDP4(OWN4), .proto = IPPROTO_IGMP, .options = "94040000",
	  .body = "160009e9e0000016" },
	{ "IPv4, unknown protocol", IF4, UDP4(OWN4), .proto = 253, .body_len = 16 },
	{ "IPv4 with options", IF4, UDP4(OWN4), .options = "94040000" },
	{ "IPv4 with options, not listed", DROP, UDP4(FOREIGN4), .options = "94040000" },
	{ "IPv4, first fragment", IF4, UDP4(OWN4), .frag = 0x2000, .body_len = 64 },
	{ "IPv4, later fragment", IF4, UDP4(OWN4), .frag = 0x00b9, .body_len = 64 },
	{ "IPv4, first fragment, not listed", DROP, UDP4(FOREIGN4), .frag = 0x2000,
	  .body_len = 64 },
	{ "IPv4, later fragment, not listed", DROP, UDP4(FOREIGN4), .frag = 0x00b9,
	  .body_len = 64 },
	{ "DHCP client", IF4, UDP4("0.0.0.0"), .dst = "255.255.255.255", .sport = 68,
	  .dport = 67, .eth_dst = BROADCAST, .body_len = 240 },
	{ "DHCP client, another MAC", MAC4, UDP4("0.0.0.0"), .dst = "255.255.255.255",
	  .sport = 68, .dport = 67, .eth_src = FOREIGN, .eth_dst = BROADCAST,
	  .body_len = 240 },
	{ "DHCP renewal", IF4, UDP4(OWN4), .sport = 68, .dport = 67, .body_len = 240 },
	{ "DHCP client, not listed", DROP, UDP4(FOREIGN4), .sport = 68, .dport = 67,
	  .body_len = 240 },
	{ "DHCP client's ports, other destination", DROP, UDP4("0.0.0.0"), .sport = 68,
	  .dport = 67, .body_len = 240 },
	{ "0.0.0.0 to all, other ports", DROP, UDP4("0.0.0.0"), .dst = "255.255.255.255",
	  .eth_dst = BROADCAST, .dport = 67 },
	{ "DHCP server", DROP, UDP4(OWN4), .sport = 67, .dport = 68, .body_len = 240 },
	{ "DHCP server behind IPv4 options", DROP, UDP4(OWN4), .sport = 67, .dport = 68,
	  .options = "0101010101010100", .body_len = 240 },
	{ "DHCP server, first fragment", DROP, UDP4(OWN4), .sport = 67, .dport = 68,
	  .frag = 0x2000, .body_len = 240 },
	{ "ICMP echo", IF4, ICMP4(OWN4, 8), .body = ECHO },
	{ "ICMP redirect", DROP, ICMP4(OWN4, 5), .code = 1, .body = "c000020a" ECHO },
	{ "ICMP redirect behind options", DROP, ICMP4(OWN4, 5), .code = 1,
	  .options = "94040000", .body = "c000020a" ECHO },
	{ "ICMP router advertisement", DROP, ICMP4(OWN4, 9),
	  .body = "01020708c000020a00000000" },
	{ "IPv4 shorter than its header", DROP, UDP4(OWN4), .cut = 14 + 18 },
	{ "IPv4 header length beyond the frame", DROP, UDP4(OWN4), .version_ihl = 0x4f },
	{ "IPv4 header length too small", DROP, UDP4(OWN4), .version_ihl = 0x44 },
	{ "IPv4 total length beyond the frame", DROP, UDP4(OWN4), .wrong_length = 600 },
	{ "IPv4 total length below the header", DROP, UDP4(OWN4), .wrong_length = 10 },
	{ "IPv4 with version 6", DROP, UDP4(OWN4), .version_ihl = 0x65 },

	/* ARP */
	{ "ARP request", IF4, ARP(1, OWN4), .eth_dst = BROADCAST },
	{ "ARP reply", IF4, ARP(2, OWN4) },
	{ "ARP reply from the prefix' last address", IF4, ARP(2, "198.51.100.15") },
	{ "ARP reply from one beyond the prefix", DROP, ARP(2, "198.51.100.16") },
	{ "ARP request, foreign sender", DROP, ARP(1, FOREIGN4), .eth_dst = BROADCAST },
	{ "ARP reply, foreign sender", DROP, ARP(2, FOREIGN4) },
	{ "ARP request, foreign sender MAC", MAC4, ARP(1, OWN4), .sha = FOREIGN },
	{ "ARP reply, foreign sender MAC", MAC4, ARP(2, OWN4), .sha = FOREIGN },
	{ "ARP reply, foreign Ethernet source", MAC4, ARP(2, OWN4), .eth_src = FOREIGN },
	{ "ARP probe", IF4, ARP(1, "0.0.0.0"), .dst = OWN4, .eth_dst = BROADCAST },
	{ "ARP reply from 0.0.0.0", DROP, ARP(2, "0.0.0.0") },
	{ "gratuitous ARP request", IF4, ARP(1, OWN4), .dst = OWN4,
	  .eth_dst = BROADCAST },
	{ "gratuitous ARP reply", IF4, ARP(2, OWN4), .dst = OWN4, .eth_dst = BROADCAST },
	{ "gratuitous ARP, foreign", DROP, ARP(1, FOREIGN4), .dst = FOREIGN4,
	  .eth_dst = BROADCAST },
	{ "ARP, hardware type not Ethernet", DROP, ARP(1, OWN4), .htype = 6 },
	{ "ARP, protocol type not IPv4", DROP, ARP(1, OWN4), .ptype = 0x86dd },
	{ "ARP, hardware length 8", DROP, ARP(1, OWN4), .hlen = 8 },
	{ "ARP, protocol length 16", DROP, ARP(1, OWN4), .plen = 16 },
	{ "ARP, reverse request", DROP, ARP(3, OWN4) },
	{ "ARP, inverse request", DROP, ARP(8, OWN4) },
	{ "ARP too short", DROP, ARP(1, OWN4), .cut = 14 + 20 },
	{ "RARP", DROP, ARP(3, OWN4), .ethertype = 0x8035 },

	/* IPv6 */
	{ "IPv6 from the address", IF6, UDP6(OWN6) },
	{ "IPv6 from an address not listed", DROP, UDP6(FOREIGN6) },
	{ "IPv6 from another MAC", MAC6, UDP6(OWN6), .eth_src = FOREIGN },
	{ "IPv6 from the prefix' first address", IF6, UDP6("2001:db8:1::") },
	{ "IPv6 from the prefix' last address", IF6,
	  UDP6("2001:db8:1:0:ffff:ffff:ffff:ffff") },
	{ "IPv6 from one beyond the prefix", DROP, UDP6("2001:db8:1:1::") },
	{ "IPv6 from one before the prefix", DROP,
	  UDP6("2001:db8:0:ffff:ffff:ffff:ffff:ffff") },
	{ "IPv6 from link-local", IF6, UDP6(OWN_LL), .dst = FOREIGN_LL },
	{ "IPv6 from another link-local", DROP, UDP6(FOREIGN_LL), .dst = OWN_LL },
	{ "IPv6 from ::", DROP, UDP6("::") },
	{ "IPv6 from ::1", DROP, UDP6("::1") },
	{ "IPv6 from a group", DROP, UDP6(ALL_NODES) },
	{ "IPv6 from a mapped IPv4 address", DROP, UDP6("::ffff:192.0.2.10") },
	{ "IPv6, TCP", IF6, UDP6(OWN6), .proto = IPPROTO_TCP,
	  .body = "03e807d000000001000000005002200000000000" },
	{ "IPv6, unknown protocol", IF6, UDP6(OWN6), .proto = 253, .body_len = 16 },
	{ "IPv6 behind hop-by-hop options", IF6, UDP6(OWN6), .ext = "h" },
	{ "IPv6 behind destination options", IF6, UDP6(OWN6), .ext = "d" },
	{ "IPv6, first fragment", IF6, UDP6(OWN6), .ext = "f", .body_len = 64 },
	{ "IPv6, later fragment", IF6, UDP6(OWN6), .ext = "l", .body_len = 64 },
	{ "IPv6, first fragment, not listed", DROP, UDP6(FOREIGN6), .ext = "f",
	  .body_len = 64 },
	{ "IPv6, later fragment, not listed", DROP, UDP6(FOREIGN6), .ext = "l",
	  .body_len = 64 },
	{ "IPv6, first fragment without its UDP header", DROP, UDP6(OWN6), .ext = "f",
	  .cut = 14 + 40 + 8, .wrong_length = 8 },
	{ "IPv6, first fragment without its ICMPv6 header", DROP,
	  ICMP6(ICMP6_ECHO_REQUEST, OWN6, PEER6), .ext = "f", .body = ECHO,
	  .cut = 14 + 40 + 8, .wrong_length = 8 },
	{ "IPv6, first fragment that ends in destination options", DROP, RA(OWN_LL),
	  .ext = "fd", .cut = 14 + 40 + 8 + 4, .wrong_length = 12 },
	{ "IPv6, first fragment that ends after destination options", DROP, RA(OWN_LL),
	  .ext = "fd", .cut = 14 + 40 + 16, .wrong_length = 16 },
	{ "IPv6, later fragment of destination options", DROP, UDP6(OWN6), .ext = "ld",
	  .body_len = 64 },
	{ "IPv6 shorter than its header", DROP, UDP6(OWN6), .cut = 14 + 30 },
	{ "IPv6 payload length beyond the frame", DROP, UDP6(OWN6), .wrong_length = 600 },
	{ "IPv6 with version 4", DROP, UDP6(OWN6), .version = 4 },
	{ "DHCPv6 client", IF6, UDP6(OWN_LL), .dst = "ff02::1:2", .sport = 546,
	  .dport = 547, .body_len = 40 },
	{ "DHCPv6 server", DROP, UDP6(OWN_LL), .sport = 547, .dport = 546,
	  .body_len = 40 },
	{ "DHCPv6 server, global address", DROP, UDP6(OWN6), .sport = 547, .dport = 546 },
	{ "DHCPv6 server behind destination options", DROP, UDP6(OWN6), .ext = "d",
	  .sport = 547, .dport = 546 },
	{ "DHCPv6 server, first fragment", DROP, UDP6(OWN6), .ext = "f", .sport = 547,
	  .dport = 546, .body_len = 64 },

	/* ICMPv6 */
	{ "ICMPv6 echo", IF6, ICMP6(ICMP6_ECHO_REQUEST, OWN6, PEER6), .body = ECHO },
	{ "ICMPv6 echo reply, link-local", IF6,
	  ICMP6(ICMP6_ECHO_REPLY, OWN_LL, FOREIGN_LL),
	  .body = ECHO },
	{ "ICMPv6 echo, not listed", DROP, ICMP6(ICMP6_ECHO_REQUEST, FOREIGN6, PEER6),
	  .body = ECHO },
	{ "ICMPv6 echo from ::", DROP, ICMP6(ICMP6_ECHO_REQUEST, "::", PEER6),
	  .body = ECHO },
	{ "ICMPv6 echo, first fragment", IF6, ICMP6(ICMP6_ECHO_REQUEST, OWN6, PEER6),
	  .ext = "f", .body = ECHO },
	{ "ICMPv6 echo, later fragment", IF6, ICMP6(ICMP6_ECHO_REQUEST, OWN6, PEER6),
	  .ext = "l", .body_len = 64 },
	{ "ICMPv6 packet too big", IF6, ICMP6(ICMP6_PACKET_TOO_BIG, OWN6, PEER6),
	  .body = "00000500" ECHO },
	{ "NS without an option", IF6, NS(OWN6, PEER6) },
	{ "NS, own address", IF6, NS(OWN6, PEER6), .lladdrs = SLLA },
	{ "NS, foreign address", MAC6, NS(OWN6, PEER6), .lladdrs = SLLA_BAD },
	{ "NS, link-local", IF6, NS(OWN_LL, PEER6), .lladdrs = SLLA },
	{ "NS, link-local, foreign address", MAC6, NS(OWN_LL, PEER6),
	  .lladdrs = SLLA_BAD },
	{ "NS, source not listed", DROP, NS(FOREIGN6, PEER6), .lladdrs = SLLA },
	{ "NS, another link-local", DROP, NS(FOREIGN_LL, PEER6), .lladdrs = SLLA },
	{ "NS from another MAC", MAC6, NS(OWN6, PEER6), .lladdrs = SLLA,
	  .eth_src = FOREIGN },
	{ "NS, foreign address behind the own one", DROP, NS(OWN6, PEER6),
	  .lladdrs = SLLA SLLA_BAD },
	{ "NS, foreign address behind a nonce", DROP, NS(OWN6, PEER6),
	  .lladdrs = NONCE SLLA_BAD },
	{ "NS, foreign address behind destination options", DROP, NS(OWN6, PEER6),
	  .ext = "d", .lladdrs = SLLA_BAD },
	{ "NS, first fragment", DROP, NS(OWN6, PEER6), .lladdrs = SLLA, .ext = "f" },
	{ "NS, only fragment", DROP, NS(OWN6, PEER6), .lladdrs = SLLA, .ext = "a" },
	{ "DAD, own address", IF6, NS("::", OWN6) },
	{ "DAD, address in the own prefix", IF6, NS("::", "2001:db8:1::55") },
	{ "DAD, link-local", IF6, NS("::", OWN_LL) },
	{ "DAD with a nonce", IF6, NS("::", OWN6), .lladdrs = NONCE },
	{ "DAD, link-local, with a nonce", IF6, NS("::", OWN_LL), .lladdrs = NONCE },
	{ "DAD, foreign address", DROP, NS("::", FOREIGN6) },
	{ "DAD, foreign address, with a nonce", DROP, NS("::", FOREIGN6),
	  .lladdrs = NONCE },
	{ "DAD, another link-local", DROP, NS("::", FOREIGN_LL) },
	{ "DAD with a foreign address option", DROP, NS("::", OWN6),
	  .lladdrs = SLLA_BAD },
	{ "DAD, another MAC", MAC6, NS("::", OWN6), .eth_src = FOREIGN },
	{ "NA", IF6, NA(OWN6, OWN6), .lladdrs = TLLA },
	{ "NA without an option", IF6, NA(OWN6, OWN6) },
	{ "NA of the prefix, from link-local", IF6, NA(OWN_LL, "2001:db8:1::55"),
	  .lladdrs = TLLA },
	{ "NA of link-local", IF6, NA(OWN_LL, OWN_LL), .lladdrs = TLLA },
	{ "NA, foreign target", DROP, NA(OWN6, FOREIGN6), .lladdrs = TLLA },
	{ "NA, target one beyond the prefix", DROP, NA(OWN6, "2001:db8:1:1::"),
	  .lladdrs = TLLA },
	{ "NA, foreign link-local target", DROP, NA(OWN6, FOREIGN_LL), .lladdrs = TLLA },
	{ "NA, foreign target, without an option", DROP, NA(OWN6, FOREIGN6) },
	{ "NA, foreign target behind destination options", DROP, NA(OWN6, FOREIGN6),
	  .lladdrs = TLLA, .ext = "d" },
	{ "NA, foreign target behind hop-by-hop options", DROP, NA(OWN6, FOREIGN6),
	  .lladdrs = TLLA, .ext = "h" },
	{ "NA, foreign address", MAC6, NA(OWN6, OWN6), .lladdrs = TLLA_BAD },
	{ "NA, foreign address behind the own one", DROP, NA(OWN6, OWN6),
	  .lladdrs = TLLA TLLA_BAD },
	{ "NA, source not listed", DROP, NA(FOREIGN6, OWN6), .lladdrs = TLLA },
	{ "NA, first fragment", DROP, NA(OWN6, OWN6), .lladdrs = TLLA, .ext = "f" },
	{ "RS", IF6, RS(OWN_LL) },
	{ "RS, own address", IF6, RS(OWN_LL), .lladdrs = SLLA },
	{ "RS, foreign address", MAC6, RS(OWN_LL), .lladdrs = SLLA_BAD },
	{ "RS from ::", IF6, RS("::") },
	{ "RS from ::, foreign address", DROP, RS("::"), .lladdrs = SLLA_BAD },
	{ "RS, another link-local", DROP, RS(FOREIGN_LL) },
	{ "RA", DROP, RA(OWN_LL) },
	{ "RA, own address", DROP, RA(OWN_LL), .lladdrs = SLLA },
	{ "RA, global source", DROP, RA(OWN6) },
	{ "RA, another link-local", DROP, RA(FOREIGN_LL) },
	{ "RA behind hop-by-hop options", DROP, RA(OWN_LL), .ext = "h" },
	{ "RA behind router alert", DROP, RA(OWN_LL), .ext = "r" },
	{ "RA behind destination options", DROP, RA(OWN_LL), .ext = "d" },
	{ "RA behind two extension headers", DROP, RA(OWN_LL), .ext = "hd" },
	{ "RA behind many extension headers", DROP, RA(OWN_LL), .ext = "dddddddd" },
	{ "RA behind a routing header", DROP, RA(OWN_LL), .ext = "s" },
	{ "RA, first fragment", DROP, RA(OWN_LL), .ext = "f" },
	{ "RA, only fragment", DROP, RA(OWN_LL), .ext = "a" },
	{ "RA, first fragment, behind destination options", DROP, RA(OWN_LL),
	  .ext = "fd" },
	{ "redirect", DROP, ICMP6(ND_REDIRECT, OWN_LL, PEER6), .body = REDIRECT },
	{ "redirect, global source", DROP, ICMP6(ND_REDIRECT, OWN6, PEER6),
	  .body = REDIRECT },
	{ "redirect behind destination options", DROP, ICMP6(ND_REDIRECT, OWN_LL, PEER6),
	  .ext = "d", .body = REDIRECT },
	{ "MLD report", IF6, ICMP6(131, OWN_LL, OWN_SOL), .ext = "r", .body = REPORT1 },
	{ "MLD report from ::", IF6, ICMP6(131, "::", OWN_SOL), .ext = "r",
	  .body = REPORT1 },
	{ "MLD done", IF6, ICMP6(132, OWN_LL, ROUTERS), .ext = "r", .body = REPORT1 },
	{ "MLDv2 report", IF6, ICMP6(143, OWN_LL, MLD2), .ext = "r", .body = REPORT2 },
	{ "MLDv2 report from ::", IF6, ICMP6(143, "::", MLD2), .ext = "r",
	  .body = REPORT2 },
	{ "MLDv2 report, another link-local", DROP, ICMP6(143, FOREIGN_LL, MLD2),
	  .ext = "r", .body = REPORT2 },
	{ "MLD query", DROP, ICMP6(130, OWN_LL, ALL_NODES), .ext = "r", .body = QUERY },
	{ "MLD query from ::", DROP, ICMP6(130, "::", ALL_NODES), .ext = "r",
	  .body = QUERY },

	/* Tags: what is behind them would pass without. */
	{ "802.1Q, IPv4", DROP, UDP4(OWN4), .tags = "81000064" },
	{ "802.1Q, IPv6", DROP, UDP6(OWN6), .tags = "81000064" },
	{ "802.1Q, ARP", DROP, ARP(2, OWN4), .tags = "81000064" },
	{ "802.1Q, RA", DROP, RA(OWN_LL), .tags = "81000064" },
	{ "802.1Q, priority only", DROP, UDP4(OWN4), .tags = "8100e000" },
	{ "802.1Q, empty tag", DROP, UDP4(OWN4), .tags = "81000000" },
	{ "802.1Q, IPv6, empty tag", DROP, UDP6(OWN6), .tags = "81000000" },
	{ "802.1ad", DROP, UDP4(OWN4), .tags = "88a80064" },
	{ "802.1ad, empty tag", DROP, UDP4(OWN4), .tags = "88a80000" },
	{ "802.1ad and 802.1Q", DROP, UDP4(OWN4), .tags = "88a8006481000065" },
	{ "802.1Q twice", DROP, UDP4(OWN4), .tags = "8100006481000065" },
	{ "802.1Q twice, empty tags", DROP, UDP4(OWN4), .tags = "8100000081000000" },
	{ "QinQ, old ethertype", DROP, UDP4(OWN4), .tags = "91000064" },

	/* What is neither ARP, IPv4 nor IPv6. A bridge forwards the groups 3 and up of
	 * 01:80:c2:00:00:0x only if group_fwd_mask says so, and 0 only without STP. */
	{ "BPDU", DROP, RAW("0026424203000000000080000016"), .eth_dst = "0180c2000000" },
	{ "EAPOL to its group", DROP, RAW("888e01010000"), .eth_dst = "0180c2000003" },
	{ "LLDP to its group", DROP, RAW("88cc0207040016"), .eth_dst = "0180c200000e" },
	{ "LLDP to a peer", DROP, RAW("88cc0207040016") },
	{ "EAPOL to a peer", DROP, RAW("888e01010000") },
	{ "PVST", DROP, RAW("0032aaaa0300000c010b"), .eth_dst = "01000ccccccd" },
	{ "CDP", DROP, RAW("0020aaaa0300000c2000"), .eth_dst = "01000ccccccc" },
	{ "IPv4 in SNAP", DROP, RAW("0024aaaa03000000080045000014") },
	{ "IPX", DROP, RAW("8137ffff0022") },
	{ "IPX in 802.3", DROP, RAW("0022ffff0022") },
	{ "PPPoE discovery", DROP, RAW("886311090000"), .eth_dst = BROADCAST },
	{ "PPPoE session", DROP, RAW("8864110000010016002145000014") },
	{ "MPLS", DROP, RAW("88470000114045000014") },
	{ "MACsec", DROP, RAW("88e52c0000000001") },
	{ "loopback test", DROP, RAW("900000000001") },
	{ "wake on LAN", DROP, RAW("0842ffffffffffff"), .eth_dst = BROADCAST },
	{ "unknown ethertype", DROP, RAW("1234") },
	{ "experimental ethertype", DROP, RAW("88b5") },
};
// clang-format on

const size_t row_count = sizeof(rows) / sizeof(rows[0]);
