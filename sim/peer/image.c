/* SPDX-License-Identifier: Apache-2.0 */
/* MCUboot images for the model peripheral: making whole ones, reading what its list needs, checking the hash. */
#include "peer.h"
#include <assert.h>
#include <string.h>

#define HEADER_BYTES 32u
#define TLV_BYTES 40u /* info, one entry's head, 32 bytes of hash */

static uint32_t rotate(uint32_t value, unsigned int bits)
{
	return value >> bits | value << (32u - bits);
}

/* The round constants are the cube roots' fractions of the first 64 primes (FIPS 180-4). */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void sha256_block(uint32_t state[8], const uint8_t block[64])
{
	uint32_t w[64];
	uint32_t s[8];

	for (unsigned int i = 0; i < 16; i++) {
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	}
	for (unsigned int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15];
		uint32_t b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
	memcpy(s, state, sizeof(s));
	for (unsigned int i = 0; i < 64; i++) {
		uint32_t t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
			      ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
		uint32_t t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
			      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(s[0]));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (unsigned int i = 0; i < 8; i++) {
		state[i] += s[i];
	}
}

void sim_peer_sha256(const uint8_t *bytes, size_t length, uint8_t digest[32])
{
	uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	uint8_t last[128] = {0};
	size_t whole = length & ~(size_t)63;
	size_t rest = length - whole;
	size_t tail = rest + 9 <= 64 ? 64 : 128;
	uint64_t bits = (uint64_t)length * 8u;

	for (size_t i = 0; i < whole; i += 64) {
		sha256_block(state, bytes + i);
	}
	if (rest > 0) {
		memcpy(last, bytes + whole, rest);
	}
	last[rest] = 0x80;
	for (unsigned int i = 0; i < 8; i++) {
		last[tail - 1 - i] = (uint8_t)(bits >> (8 * i));
	}
	for (size_t i = 0; i < tail; i += 64) {
		sha256_block(state, last + i);
	}
	for (unsigned int i = 0; i < 32; i++) {
		digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
	}
}

static uint32_t get32(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void put32(uint8_t *bytes, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(value >> (8 * i));
	}
}

void sim_peer_image_make(uint8_t *bytes, uint32_t length, const uint8_t version[4], uint32_t seed)
{
	static const uint8_t tlv[8] = {0x07, 0x69, TLV_BYTES, 0, 0x10, 0, 32, 0};
	uint32_t end = length - TLV_BYTES;

	assert(length > HEADER_BYTES + TLV_BYTES);
	memset(bytes, 0, HEADER_BYTES);
	put32(bytes, 0x96f3b83du);
	bytes[8] = HEADER_BYTES;
	put32(bytes + 12, end - HEADER_BYTES);
	bytes[20] = version[0];
	bytes[21] = version[1];
	bytes[22] = version[2];
	bytes[24] = version[3];
	for (uint32_t i = HEADER_BYTES; i < end; i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(seed >> 24);
	}
	memcpy(bytes + end, tlv, sizeof(tlv));
	sim_peer_sha256(bytes, end, bytes + end + sizeof(tlv));
}

void sim_peer_image_link(uint8_t *bytes, uint32_t length, uint32_t flags, uint32_t load_address)
{
	put32(bytes + 4, load_address);
	put32(bytes + 16, flags);
	sim_peer_sha256(bytes, length - TLV_BYTES, bytes + length - 32);
}

/* The area of type-length-value entries at @p at; 0: none. @return its whole length, its own head included. */
static uint32_t tlv_area(const uint8_t *bytes, uint32_t capacity, uint32_t at, uint16_t magic)
{
	if (at > capacity || capacity - at < 4 || (bytes[at] | bytes[at + 1] << 8) != magic) {
		return 0;
	}
	uint32_t length = (uint32_t)bytes[at + 2] | (uint32_t)bytes[at + 3] << 8;

	return length >= 4 && length <= capacity - at ? length : 0;
}

/* Header of any size, protected entries, then the others: imgtool's images as well as the made ones. */
bool sim_peer_image_look(const uint8_t *bytes, uint32_t capacity, struct sim_peer_image *image)
{
	if (capacity < HEADER_BYTES + TLV_BYTES || get32(bytes) != 0x96f3b83du) {
		return false;
	}
	uint32_t header = (uint32_t)bytes[8] | (uint32_t)bytes[9] << 8;
	uint32_t protected = (uint32_t)bytes[10] | (uint32_t)bytes[11] << 8;
	uint32_t payload = get32(bytes + 12);

	if (header < HEADER_BYTES || header > capacity || payload > capacity - header ||
	    protected > capacity - header - payload) {
		return false;
	}
	image->hashed = header + payload + protected;
	uint32_t area = tlv_area(bytes, capacity, image->hashed, 0x6907);
	uint32_t end = image->hashed + area;

	for (uint32_t at = image->hashed + 4; area != 0 && end - at >= 4;) {
		uint32_t type = (uint32_t)bytes[at] | (uint32_t)bytes[at + 1] << 8;
		uint32_t length = (uint32_t)bytes[at + 2] | (uint32_t)bytes[at + 3] << 8;

		if (length > end - at - 4) {
			return false;
		}
		if (type == 0x10 && length == 32) {
			image->length = end;
			image->load_address = get32(bytes + 4);
			image->flags = get32(bytes + 16);
			image->version[0] = bytes[20];
			image->version[1] = bytes[21];
			image->version[2] = bytes[22];
			image->version[3] = bytes[24];
			memcpy(image->hash, bytes + at + 4, 32);
			return true;
		}
		at += 4 + length;
	}
	return false;
}

bool sim_peer_image_valid(const uint8_t *bytes, uint32_t capacity)
{
	struct sim_peer_image image;
	uint8_t digest[32];

	if (!sim_peer_image_look(bytes, capacity, &image)) {
		return false;
	}
	sim_peer_sha256(bytes, image.hashed, digest);
	return memcmp(digest, image.hash, sizeof(digest)) == 0;
}
