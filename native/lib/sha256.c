/*
 * SHA-256 (FIPS 180-4) by the instructions that x86 processors have for it since 2017 (Intel SDM, SHA256RNDS2, SHA256MSG1,
 * SHA256MSG2). Only with them is it worth a function of its own: elsewhere the engine hashes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "sha256.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static const uint32_t K[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static int has_instructions(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* The state is kept as the instructions have it: ABEF and CDGH. */
__attribute__((target("sha,ssse3,sse4.1"))) static void compress(uint32_t state[8], const uint8_t *at, size_t blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)&state[0]), 0xb1);
	__m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)&state[4]), 0x1b);
	__m128i abef = _mm_alignr_epi8(dcba, hgfe, 8);
	__m128i cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);

	for (; blocks > 0; blocks--, at += SHA256_BLOCK) {
		const __m128i abef_before = abef;
		const __m128i cdgh_before = cdgh;
		__m128i w[4];

#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			__m128i words;

			if (i < 4) {
				words = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
				words = _mm_shuffle_epi8(words, swap);
			} else {
				/* W[t] = s1(W[t-2]) + W[t-7] + s0(W[t-15]) + W[t-16], four at a time. */
				words = _mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]);
				words = _mm_add_epi32(words, _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
				words = _mm_sha256msg2_epu32(words, w[(i + 3) % 4]);
			}
			w[i % 4] = words;
			words = _mm_add_epi32(words, _mm_load_si128((const __m128i *)(const void *)&K[4 * i]));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0e));
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	dcba = _mm_shuffle_epi32(abef, 0x1b);
	hgfe = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)&state[0], _mm_blend_epi16(dcba, hgfe, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)&state[4], _mm_alignr_epi8(hgfe, dcba, 8));
}

#else

static int has_instructions(void)
{
	return 0;
}

static void compress(uint32_t state[8], const uint8_t *at, size_t blocks)
{
	(void)state;
	(void)at;
	(void)blocks;
}

#endif

int sha256_begin(struct sha256 *hash)
{
	*hash = (struct sha256){
		.state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 },
	};
	return has_instructions() ? 0 : -EOPNOTSUPP;
}

void sha256_add(struct sha256 *hash, const uint8_t *bytes, size_t length)
{
	size_t had = (size_t)(hash->length % SHA256_BLOCK);

	hash->length += length;
	if (had > 0) {
		size_t part = length < SHA256_BLOCK - had ? length : SHA256_BLOCK - had;

		memcpy(hash->rest + had, bytes, part);
		bytes += part;
		length -= part;
		if (had + part < SHA256_BLOCK)
			return;
		compress(hash->state, hash->rest, 1);
	}
	compress(hash->state, bytes, length / SHA256_BLOCK);
	memcpy(hash->rest, bytes + length / SHA256_BLOCK * SHA256_BLOCK, length % SHA256_BLOCK);
}

void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES])
{
	const uint64_t bits = hash->length * 8;
	size_t had = (size_t)(hash->length % SHA256_BLOCK);
	uint8_t end[2 * SHA256_BLOCK] = { 0 };
	size_t blocks = had < SHA256_BLOCK - 8 ? 1 : 2;

	memcpy(end, hash->rest, had);
	end[had] = 0x80;
	for (size_t i = 0; i < 8; i++)
		end[blocks * SHA256_BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
	compress(hash->state, end, blocks);
	for (size_t i = 0; i < 8; i++) {
		for (size_t byte = 0; byte < 4; byte++)
			digest[4 * i + byte] = (uint8_t)(hash->state[i] >> (24 - 8 * byte));
	}
}
