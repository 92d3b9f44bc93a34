/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Bands and words of the error codes, both from the one list in err.h; and how words are found.
 */
#include <dfucast/err.h>
#include <stddef.h>
#include <string.h>

#include "words.h"

#define NUMBER(symbol, number, word) (number),
#define WORD(symbol, number, word) word "\0"

static const int8_t numbers[] = {DFUCAST_ERR_LIST(NUMBER)};

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

const char *dfucast_words_at(const char *list, unsigned int index)
{
	const char *word = list;

	for (; *word != '\0' && index != 0; index--)
		word += strlen(word) + 1;
	return *word != '\0' ? word : NULL;
}

const char *dfucast_err_name(int err)
{
	for (unsigned int i = 0; i < sizeof(numbers); i++) {
		if (numbers[i] == err)
			return dfucast_words_at(words, i);
	}
	return "unknown";
}
