/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * OS group: the answer to task statistics. Spec section 3.0, "2 taskstat".
 */
#include "body.h"

/* In the order of the bits of `present`. */
#define TASK_FIELD(key, kind, member)                                                                        \
	{                                                                                                    \
		key, kind, sizeof(((struct dfucast_smp_task *)0)->member),                                   \
		    offsetof(struct dfucast_smp_task, member)                                                \
	}

static const struct dfucast_smp_field task_fields[] = {
    TASK_FIELD("prio", DFUCAST_SMP_KIND_INT, priority),
    TASK_FIELD("tid", DFUCAST_SMP_KIND_UINT, task_id),
    TASK_FIELD("state", DFUCAST_SMP_KIND_UINT, state),
    TASK_FIELD("stkuse", DFUCAST_SMP_KIND_UINT, stack_used),
    TASK_FIELD("stksiz", DFUCAST_SMP_KIND_UINT, stack_size),
    TASK_FIELD("cswcnt", DFUCAST_SMP_KIND_UINT, context_switches),
    TASK_FIELD("runtime", DFUCAST_SMP_KIND_UINT, runtime),
};
DFUCAST_SMP_SCHEMA(task, struct dfucast_smp_task);

static const struct dfucast_smp_field tasks_fields[] = {{"tasks", DFUCAST_SMP_KIND_MAP, 0, 0}};
DFUCAST_SMP_SCHEMA(tasks, struct dfucast_smp_text);

static int tasks_walk(struct dfucast_smp_text map,
		      void (*call)(void *context, const struct dfucast_smp_task *task), void *context)
{
	while (map.length != 0) {
		struct dfucast_smp_task one;
		struct dfucast_smp_text name;
		int found = dfucast_smp_body_named(&map, &name, &task, &one);

		if (found < 0) {
			return found;
		}
		one.name = name;
		one.present = (uint16_t)found;
		if (call != NULL) {
			call(context, &one);
		}
	}
	return 0;
}

int dfucast_smp_taskstat_decode(const uint8_t *body, size_t length, struct dfucast_smp_error *error,
				void (*call)(void *context, const struct dfucast_smp_task *task),
				void *context)
{
	struct dfucast_smp_text map;

	/* Once without the caller, so that nothing is told from an answer that turns out to be malformed. */
	if (dfucast_smp_body_decode(body, length, error, &tasks, &map) < 0 ||
	    tasks_walk(map, NULL, NULL) < 0) {
		return DFUCAST_ERR_MALFORMED;
	}
	return call != NULL ? tasks_walk(map, call, context) : 0;
}
