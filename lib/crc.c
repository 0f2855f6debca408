/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CRC is the remainder of a polynomial, so any 16 bytes may be replaced by others that leave
 * the same remainder. One carry-less multiplication by x^n mod P moves 8 bytes n bits ahead:
 * four blocks of 16 bytes are kept and moved on 64 bytes at a time, added to what stands there,
 * until one is left. Its remainder takes two multiplications more (Barrett), and zlib goes on from
 * there with the bytes that filled no block.
 *
 *	| a b c d | e f g h | i j | rest   ->   | e' f' g' h' | i j | rest   ->   | j' | rest
 *
 * (V. Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction", Intel 2009. Bits are reflected, as everywhere in this CRC.)
 */
#include "crc.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define FOLDING __attribute__((target("pclmul,sse4.1")))

/* x^(n+32) and x^(n-32) mod P, reflected, for moves by n bits: the lower half goes further. */
#define AHEAD_512 _mm_set_epi64x(0x01c6e41596, 0x0154442bd4)
#define AHEAD_128 _mm_set_epi64x(0x00ccaa009e, 0x01751997d0)
#define AHEAD_32 _mm_set_epi64x(0, 0x0163cd6124) /* of a word: x^64 */
#define BARRETT _mm_set_epi64x(0x01f7011641, 0x01db710641) /* x^64 / P; P */

FOLDING static inline __m128i load(const unsigned char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

FOLDING static inline __m128i move(__m128i block, __m128i ahead, __m128i onto)
{
	__m128i low = _mm_clmulepi64_si128(block, ahead, 0x00);
	__m128i high = _mm_clmulepi64_si128(block, ahead, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

/* Of 128 bits: to 96 by moving the first half on, to 64, then what P divides is taken off. */
FOLDING static inline uint32_t remainder_of(__m128i block)
{
	__m128i word = _mm_set_epi32(0, -1, 0, -1), barrett = BARRETT, part;

	block = _mm_xor_si128(
		_mm_srli_si128(block, 8), _mm_clmulepi64_si128(block, AHEAD_128, 0x10));
	block = _mm_xor_si128(_mm_srli_si128(block, 4),
		_mm_clmulepi64_si128(_mm_and_si128(block, word), AHEAD_32, 0x00));
	part = _mm_clmulepi64_si128(_mm_and_si128(block, word), barrett, 0x10);
	part = _mm_clmulepi64_si128(_mm_and_si128(part, word), barrett, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(block, part), 1);
}

/* At least 64 bytes. */
FOLDING static uint32_t folded(const unsigned char *p, size_t n)
{
	__m128i block[4], far = AHEAD_512, near = AHEAD_128;
	uint32_t crc;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		block[i] = load(p + 16 * i);
	block[0] =
		_mm_xor_si128(block[0], _mm_cvtsi32_si128(-1)); /* a CRC begins with all ones */
	for (p += 64, n -= 64; n >= 64; p += 64, n -= 64)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			block[i] = move(block[i], far, load(p + 16 * i));
#pragma GCC unroll 3
	for (int i = 1; i < 4; i++)
		block[0] = move(block[0], near, block[i]);
	for (; n >= 16; p += 16, n -= 16)
		block[0] = move(block[0], near, load(p));
	crc = ~remainder_of(block[0]);
	return n ? (uint32_t)crc32(crc, p, (uInt)n) : crc;
}

uint32_t crc_32(const void *p, size_t n)
{
	if (n >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"))
		return folded(p, n);
	return (uint32_t)crc32_z(0, p, n);
}

#else

uint32_t crc_32(const void *p, size_t n)
{
	return (uint32_t)crc32_z(0, p, n);
}

#endif
