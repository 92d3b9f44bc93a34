/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Error codes: each has a word of its own, and its number lies in the band that err.h promises.
 */
#include <dfucast/err.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct code {
	int number;
	const char *word;
};

#define CODE(symbol, number, word) {number, word},
static const struct code codes[] = {DFUCAST_ERR_LIST(CODE)};
#define CODE_COUNT (sizeof(codes) / sizeof(codes[0]))

static void every_code_has_its_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODE_COUNT; i++) {
		assert_string_equal(dfucast_err_name(codes[i].number), codes[i].word);
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(codes[i].number, codes[k].number);
			assert_string_not_equal(codes[i].word, codes[k].word);
		}
	}
}

static void words_that_scripts_match_on(void **state)
{
	(void)state;
	assert_string_equal(dfucast_err_name(DFUCAST_ERR_OK), "ok");
	assert_string_equal(dfucast_err_name(DFUCAST_ERR_UNREACHABLE), "unreachable");
	assert_string_equal(dfucast_err_name(DFUCAST_ERR_IMAGE_HASH), "image_hash");
	assert_string_equal(dfucast_err_name(DFUCAST_ERR_ABORTED), "aborted");
}

static void other_numbers_are_unknown(void **state)
{
	static const int numbers[] = {1, 127, -3, -15, -47, -79, -111, -127, -128, -256, INT_MAX, INT_MIN};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_string_equal(dfucast_err_name(numbers[i]), "unknown");
}

/* The table at the head of err.h. */
static enum dfucast_band expected_band(int number)
{
	if (number >= 0)
		return DFUCAST_BAND_NONE;
	if (number >= -15)
		return DFUCAST_BAND_CALLER;
	if (number >= -31)
		return DFUCAST_BAND_RESOURCE;
	if (number >= -47)
		return DFUCAST_BAND_LINK;
	if (number >= -79)
		return DFUCAST_BAND_PEER;
	if (number >= -95)
		return DFUCAST_BAND_IMAGE;
	if (number >= -111)
		return DFUCAST_BAND_FLEET;
	return DFUCAST_BAND_CALLER;
}

static void bands_follow_the_number(void **state)
{
	(void)state;
	for (int number = -400; number <= 200; number++)
		assert_int_equal(dfucast_err_band(number), expected_band(number));
	assert_int_equal(dfucast_err_band(INT_MIN), DFUCAST_BAND_CALLER);
	assert_int_equal(dfucast_err_band(INT_MAX), DFUCAST_BAND_NONE);
	assert_int_equal(dfucast_err_band(DFUCAST_ERR_SPACE), DFUCAST_BAND_RESOURCE);
	assert_int_equal(dfucast_err_band(DFUCAST_ERR_UPLOAD_MISMATCH), DFUCAST_BAND_PEER);
	assert_int_equal(dfucast_err_band(DFUCAST_ERR_IMAGE_READ), DFUCAST_BAND_IMAGE);
}

static void codes_fit_an_outcome(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODE_COUNT; i++) {
		struct dfucast_outcome outcome = {.err = (int8_t)codes[i].number};

		assert_int_equal(outcome.err, codes[i].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_has_its_word),   cmocka_unit_test(words_that_scripts_match_on),
	    cmocka_unit_test(other_numbers_are_unknown), cmocka_unit_test(bands_follow_the_number),
	    cmocka_unit_test(codes_fit_an_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
