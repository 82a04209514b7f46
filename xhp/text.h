/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8, as far as it has to be told from what is not (RFC 3629). */
#ifndef XHP_TEXT_H
#define XHP_TEXT_H

#include <stdbool.h>

/* Length of the sequence at `s`, 0 if it is not valid. */
int utf8_len(const unsigned char *s);

/* ASCII's control characters, and Latin-1's, which are two bytes. */
bool utf8_is_control(const unsigned char *s);

#endif
