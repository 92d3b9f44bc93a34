/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * OS group: the answer to task statistics. Spec section 3.0, "2 taskstat".
 */
#include "body.h"

struct task {
	struct dfucast_smp_task told;
	struct dfucast_smp_text context_switches;
	struct dfucast_smp_text runtime;
};

/* In the order of the bits of `present`. */
static const struct dfucast_smp_field task_fields[] = {
    DFUCAST_SMP_FIELD_INT(task, "prio", told.priority),
    DFUCAST_SMP_FIELD_UINT(task, "tid", told.task_id),
    DFUCAST_SMP_FIELD_UINT(task, "state", told.state),
    DFUCAST_SMP_FIELD_UINT(task, "stkuse", told.stack_used),
    DFUCAST_SMP_FIELD_UINT(task, "stksiz", told.stack_size),
    {"cswcnt", DFUCAST_SMP_KIND_LONG, 0, offsetof(struct task, context_switches)},
    {"runtime", DFUCAST_SMP_KIND_LONG, 0, offsetof(struct task, runtime)},
};
DFUCAST_SMP_SCHEMA(task, struct task);

static const struct dfucast_smp_field tasks_fields[] = {{"tasks", DFUCAST_SMP_KIND_MAP, 0, 0}};
DFUCAST_SMP_SCHEMA(tasks, struct dfucast_smp_text);

/** The number of a KIND_LONG; 0 when the key was not there. A small one is its head itself. */
static uint64_t number(struct dfucast_smp_text item)
{
	const uint8_t *at = (const uint8_t *)item.text;
	uint64_t value = item.length == 1 ? *at : 0;

	for (size_t i = 1; i < item.length; i++) {
		value = value << 8 | at[i];
	}
	return value;
}

static int tasks_walk(struct dfucast_smp_text map,
		      void (*call)(void *context, const struct dfucast_smp_task *task), void *context)
{
	while (map.length != 0) {
		struct task one;
		struct dfucast_smp_text name;
		int found = dfucast_smp_body_named(&map, &name, &task, &one);

		if (found < 0) {
			return found;
		}
		one.told.context_switches = number(one.context_switches);
		one.told.runtime = number(one.runtime);
		one.told.name = name;
		one.told.present = (uint16_t)found;
		if (call != NULL) {
			call(context, &one.told);
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
