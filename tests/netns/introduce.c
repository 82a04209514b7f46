// SPDX-License-Identifier: LGPL-2.1-or-later
// What libxl tells xenstored of a new domain: introduce DOMID (tests/shim/ring.h)

#include <err.h>
#include <stdlib.h>
#include <xenstore.h>

int main(int argc, char **argv)
{
	struct xs_handle *xs = xs_open(0);

	if (argc != 2)
		errx(2, "usage: introduce DOMID");
	if (!xs || !xs_introduce_domain(xs, (unsigned int)atoi(argv[1]), 1, 1))
		err(1, "introduce %s", argv[1]);
	return 0;
}
