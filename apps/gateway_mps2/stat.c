/* SPDX-License-Identifier: Apache-2.0 */
#include "stat.h"

#include <dfucast/smp_server.h>
#include <string.h>
#include <zcbor_encode.h>

enum { COMMAND_SHOW = 0, COMMAND_LIST = 1 };

#define NAME "gateway"

static bool put_show(zcbor_state_t *state, const struct stat_counter *counters, size_t count)
{
	bool good = zcbor_map_start_encode(state, 2) && zcbor_tstr_put_lit(state, "name") &&
		    zcbor_tstr_put_lit(state, NAME) && zcbor_tstr_put_lit(state, "fields") &&
		    zcbor_map_start_encode(state, count);

	for (size_t i = 0; i < count && good; i++)
		good = zcbor_tstr_encode_ptr(state, counters[i].name, strlen(counters[i].name)) &&
		       zcbor_uint32_put(state, counters[i].value);
	return good && zcbor_map_end_encode(state, count) && zcbor_map_end_encode(state, 2);
}

static bool put_list(zcbor_state_t *state)
{
	return zcbor_map_start_encode(state, 1) && zcbor_tstr_put_lit(state, "stat_list") &&
	       zcbor_list_start_encode(state, 1) && zcbor_tstr_put_lit(state, NAME) &&
	       zcbor_list_end_encode(state, 1) && zcbor_map_end_encode(state, 1);
}

/* Header and body; the body is what zcbor has written behind the header's place. */
static size_t finish(const struct dfucast_smp_header *request, uint8_t *answer, const zcbor_state_t *state)
{
	const size_t length = (size_t)(state->payload - answer);
	struct dfucast_smp_header header = *request;

	header.op++; /* the answer to it */
	header.flags = 0;
	header.length = (uint16_t)(length - DFUCAST_SMP_HEADER_BYTES);
	dfucast_smp_header_encode(&header, answer);
	return length;
}

static enum dfucast_smp_rc check_name(const uint8_t *body, size_t length)
{
	struct dfucast_smp_text name;

	if (dfucast_smp_text_request_decode(body, length, "name", &name) != 0 || name.length == 0)
		return DFUCAST_SMP_RC_INVALID;
	if (name.length != strlen(NAME) || memcmp(name.text, NAME, name.length) != 0)
		return DFUCAST_SMP_RC_NO_ENTRY;
	return DFUCAST_SMP_RC_OK;
}

static enum dfucast_smp_rc put(zcbor_state_t *state, const struct dfucast_smp_header *request,
			       const uint8_t *body, size_t length, const struct stat_counter *counters,
			       size_t count)
{
	enum dfucast_smp_rc rc;

	if (request->group != DFUCAST_SMP_GROUP_STAT || request->op != DFUCAST_SMP_READ)
		return DFUCAST_SMP_RC_NOT_SUPPORTED;
	switch (request->command) {
	case COMMAND_LIST:
		return put_list(state) ? DFUCAST_SMP_RC_OK : DFUCAST_SMP_RC_TOO_LONG;
	case COMMAND_SHOW:
		rc = check_name(body, length);
		if (rc == DFUCAST_SMP_RC_OK && !put_show(state, counters, count))
			rc = DFUCAST_SMP_RC_TOO_LONG;
		return rc;
	default:
		return DFUCAST_SMP_RC_NOT_SUPPORTED;
	}
}

size_t stat_answer(const uint8_t *frame, size_t length, uint8_t *answer, size_t capacity,
		   const struct stat_counter *counters, size_t count)
{
	struct dfucast_smp_header request;
	enum dfucast_smp_rc rc;
	int refused;

	/* A map in a map: zcbor wants a place for each that it has begun. */
	ZCBOR_STATE_E(state, 3, answer + DFUCAST_SMP_HEADER_BYTES, capacity - DFUCAST_SMP_HEADER_BYTES, 1);

	dfucast_smp_header_decode(&request, frame);
	rc = put(state, &request, frame + DFUCAST_SMP_HEADER_BYTES, length - DFUCAST_SMP_HEADER_BYTES,
		 counters, count);
	if (rc == DFUCAST_SMP_RC_OK)
		return finish(&request, answer, state);
	refused = dfucast_smp_answer_rc(answer, capacity, &request, rc);
	return refused > 0 ? (size_t)refused : 0;
}
