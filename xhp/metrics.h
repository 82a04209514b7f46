/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What node_exporter's textfile collector reads (Prometheus' text format 0.0.4). */
#ifndef XHP_METRICS_H
#define XHP_METRICS_H

#include "err.h"

struct metrics_class {
	const char *class; /* vif, tap, vbd, ...: a token */
	unsigned int devices, unhealthy, differences;
};

/* Replaces the file at once. */
int metrics_write(const char *path, const struct metrics_class *v, unsigned int n,
		  struct xhp_err *err);

#endif
