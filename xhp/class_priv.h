/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the classes share; a class with code of its own has a file of its own. */
#ifndef XHP_CLASS_PRIV_H
#define XHP_CLASS_PRIV_H

#include "class.h"

extern const struct class class_9pfs, class_colo, class_remus, class_vbd, class_vif;

/* setup and teardown. */
enum verb_kind class_setup_verb(const struct request *req);

/* add and remove; TYPE-DOMID-DEVID; hotplug-status = connected. */
enum verb_kind class_plain_verb(const struct request *req);
const char *class_plain_device(const struct request *req);
int class_connected(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err);

/* hotplug-error and hotplug-status = error, or busy. */
void class_error(const char *path, const struct xhp_err *why);

/* The directory was read for the variables: no error there saves asking for its removal.
 */
bool class_has_error(const char *path);

#endif
