/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8, as far as it has to be told from what is not (RFC 3629). */
#ifndef XHP_TEXT_H
#define XHP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the sequence at `s`, 0 if it is not valid. */
int utf8_len(const unsigned char *s);

/* FNV-1a: goes on from `hash`, which is HASH_START at first. */
#define HASH_START 0xcbf29ce484222325ULL
uint64_t text_hash(uint64_t hash, const char *s, size_t len);

/* ASCII's control characters, and Latin-1's, which are two bytes. */
bool utf8_is_control(const unsigned char *s);

#endif
