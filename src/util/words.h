/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Lists of words as one string: "first\0" "second\0". No table of pointers, which a Cortex-M pays for with 4 bytes a word
 * and padding.
 */
#ifndef DFUCAST_UTIL_WORDS_H
#define DFUCAST_UTIL_WORDS_H

/** The word with this index, or NULL: there are fewer. Each word ends with a NUL, also the last, and none is empty. */
const char *dfucast_words_at(const char *words, unsigned int index);

#endif
