/* SHA-256 (FIPS 180-4) by the processor's own instructions. */
#ifndef TSRUN_SHA256_H
#define TSRUN_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BLOCK = 64, SHA256_BYTES = 32 };

struct sha256 {
	uint32_t state[8];
	uint64_t length;
	uint8_t rest[SHA256_BLOCK]; /* what is not a whole block yet */
};

/* 0; -EOPNOTSUPP where the processor has no instructions for it. */
int sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const uint8_t *bytes, size_t length);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]);

#endif
