// SPDX-License-Identifier: LGPL-2.1-or-later
// Without libFuzzer: the seeds, then mutations of them, always the same ones.

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUNDS = 20000, SECONDS = 5, SEEDS = 64, LARGEST = 8192 };

static struct {
	uint8_t data[LARGEST];
	size_t len;
} seeds[SEEDS];
static unsigned int nseeds;
static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64 */
static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_seeds(const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, by_name);

	for (int i = 0; i < n; i++) {
		char path[4096];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		f = *names[i]->d_name == '.' || nseeds == SEEDS ? NULL : fopen(path, "r");
		free(names[i]);
		if (!f)
			continue;
		seeds[nseeds].len = fread(seeds[nseeds].data, 1, LARGEST, f);
		nseeds++;
		fclose(f);
	}
	if (n >= 0)
		free(names);
}

/* One change: a byte, a piece left out, doubled, or taken from another seed. */
static size_t mutate(uint8_t *data, size_t len)
{
	static const char special[] = "\n\n\n $${}[]=;,/.-_%\t\r\x1b\xff";
	size_t at = draw(len + 1), n = draw(16) + 1, from;
	unsigned int other = (unsigned int)draw(nseeds);

	switch (draw(5)) {
	case 0:
		if (at < len)
			data[at] = (uint8_t)draw(256);
		return len;
	case 1:
		if (at < len)
			data[at] = (uint8_t)special[draw(sizeof(special))];
		return len;
	case 2:
		n = n < len - at ? n : len - at;
		memmove(data + at, data + at + n, len - at - n);
		return len - n;
	default:
		from = draw(seeds[other].len + 1);
		n = draw(2) ? n : draw(200);
		n = n < seeds[other].len - from ? n : seeds[other].len - from;
		n = n < LARGEST - len ? n : LARGEST - len;
		memmove(data + at + n, data + at, len - at);
		memcpy(data + at, seeds[other].data + from, n);
		return len + n;
	}
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + SECONDS;
	unsigned int rounds = 0;

	read_seeds(argc > 1 ? argv[1] : CORPUS);
	printf("1..2\n");
	for (unsigned int i = 0; i < nseeds; i++)
		LLVMFuzzerTestOneInput(seeds[i].data, seeds[i].len);
	printf("%sok 1 - %u seeds\n", nseeds ? "" : "not ", nseeds);
	for (; nseeds && rounds < ROUNDS && time(NULL) < end; rounds++) {
		unsigned int i = (unsigned int)draw(nseeds);
		static uint8_t data[LARGEST];
		size_t len = seeds[i].len;
		uint8_t *copy;

		memcpy(data, seeds[i].data, len);
		for (uint64_t changes = draw(6) + 1; changes; changes--)
			len = mutate(data, len);
		copy = malloc(len ? len : 1); /* of just that size */
		memcpy(copy, data, len);
		LLVMFuzzerTestOneInput(copy, len);
		free(copy);
	}
	printf("%sok 2 - %s\n", rounds ? "" : "not ", "mutations of them");
	fprintf(stderr, "%u rounds\n", rounds);
	return !nseeds;
}
