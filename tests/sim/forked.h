/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Each run in a process of its own: what firmware keeps in static memory begins anew, as after a reset.
 */
#ifndef FORKED_H
#define FORKED_H

#include <stddef.h>

/** Calls @p run with @p context in a child. @p totals (of @p size bytes, shared by all) is what it may leave. Fails the test where
 *  the child does not end well. */
void forked(void (*run)(void *context, void *totals), void *context, void *totals);
/** Memory that children share with their parent, zeroed. */
void *forked_memory(size_t size);

#endif
