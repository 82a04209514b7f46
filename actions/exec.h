/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of [exec]. */
#ifndef ACTIONS_EXEC_H
#define ACTIONS_EXEC_H

#include "xhp.h"

/* Which keys go together, and what results they give. */
int exec_declare(struct step *step, struct xhp_err *err);
const char *exec_lint(const struct step *step);

#endif
