/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Bands and words of the error codes, both from the one list in err.h.
 */
#include <dfucast/err.h>
#include <stddef.h>
#include <string.h>

#define NUMBER(symbol, number, word) (number),
#define WORD(symbol, number, word) word "\0"

static const int8_t numbers[] = {DFUCAST_ERR_LIST(NUMBER)};

/* One string of words with a NUL after each: no table of pointers, which a Cortex-M pays for with 4 bytes a word. */
static const char words[] = DFUCAST_ERR_LIST(WORD);

enum dfucast_band dfucast_err_band(int err)
{
	/* Index: the code's distance from zero in steps of 16. */
	static const uint8_t bands[] = {
	    DFUCAST_BAND_CALLER, DFUCAST_BAND_RESOURCE, DFUCAST_BAND_LINK,  DFUCAST_BAND_PEER,
	    DFUCAST_BAND_PEER,   DFUCAST_BAND_IMAGE,    DFUCAST_BAND_FLEET,
	};
	unsigned int step;

	if (err >= 0)
		return DFUCAST_BAND_NONE;
	step = (0u - (unsigned int)err) / 16u;
	/* A number outside every band was made up by the calling code. */
	return step < sizeof(bands) ? (enum dfucast_band)bands[step] : DFUCAST_BAND_CALLER;
}

const char *dfucast_err_name(int err)
{
	const char *word = words;

	for (size_t i = 0; i < sizeof(numbers); i++) {
		if (numbers[i] == err)
			return word;
		word += strlen(word) + 1;
	}
	return "unknown";
}
