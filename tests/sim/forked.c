/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "forked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct child {
	void (*run)(void *context, void *totals);
	void *context;
	void *totals;
};

static struct child the_child;

/* cmocka's asserts need a test around them. */
static void child_test(void **state)
{
	(void)state;
	the_child.run(the_child.context, the_child.totals);
}

void forked(void (*run)(void *context, void *totals), void *context, void *totals)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(child_test)};
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		the_child = (struct child){run, context, totals};
		cmocka_set_message_output(
		    CM_OUTPUT_SUBUNIT); /* says what failed, and no more than a line else */
		exit(cmocka_run_group_tests_name("run", tests, NULL, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

void *forked_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}
