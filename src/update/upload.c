/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream: a window of upload requests, and what the answers' `off` says. The server is always right about
 * its offset; loss is seen from the order of answers, without waiting, where the link keeps order.
 *
 * What an answer to the request for [a, e) says:
 *
 *     off = e                progress
 *     off = a                nothing taken: wait a little, send it again
 *     a < off < e            cut: go on there
 *     off < a                something was lost: go back there at once, once per hole
 *     off = 0, all was sent  the session is complete or gone: read the list
 *     off = 0 otherwise      the session is gone: first chunk again
 *     e < off <= sent_max    explained by an earlier send: progress
 *     off > sent_max         another client's session
 */
#include "update_internal.h"

void dfucast_update_upload_arm(const struct update_turn *t)
{
	const struct dfucast_update *u = t->u;
	uint32_t timeout = u->rtt_ms ? 4u * u->rtt_ms : UPDATE_RTT_MS_FIRST;

	if (timeout < UPDATE_RTT_MS_MIN) {
		timeout = UPDATE_RTT_MS_MIN;
	}
	timeout <<= u->retries < 4 ? u->retries : 4;
	dfucast_update_arm(t, timeout > UPDATE_RTT_MS_MAX ? UPDATE_RTT_MS_MAX : timeout);
}

void dfucast_update_upload_begin(const struct update_turn *t, enum dfucast_err why)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (u->attempts == 0) {
		update_clear(u, UPDATE_CUT); /* nothing was begun that could go on */
	}
	if (!update_has(u, UPDATE_CUT) && ++u->attempts > UPDATE_ATTEMPTS_MAX) {
		dfucast_update_fail(u, why);
		return;
	}
	if (u->frame_max < dfucast_update_first_bytes(plan, u)) {
		dfucast_update_fail(u, DFUCAST_ERR_BUFFER_TOO_SMALL);
		return;
	}
	u->acked = 0;
	u->next = 0;
	u->stalls = 0;
	dfucast_update_forget_pending(u);
	dfucast_update_enter(u, update_has(u, UPDATE_FRESH) ? DFUCAST_UPDATE_ERASE : DFUCAST_UPDATE_FIRST);
}

void dfucast_update_upload_afresh(struct dfucast_update *u, enum dfucast_err why)
{
	if (update_has(u, UPDATE_AFRESH)) {
		dfucast_update_fail(u, why);
		return;
	}
	update_set(u, UPDATE_FRESH | UPDATE_AFRESH);
	update_clear(u, UPDATE_SKIPPED);
	u->resume = DFUCAST_UPDATE_PARAMS;
	dfucast_update_forget_pending(u);
	dfucast_update_enter(u, DFUCAST_UPDATE_PARAMS);
}

/* Nothing more is sent before the timer. */
static void pause(const struct update_turn *t)
{
	update_set(t->u, UPDATE_PAUSE);
	dfucast_update_arm(t, UPDATE_PAUSE_MS * (t->u->stalls + 1u));
}

/* Every answer still to come belongs to requests sent before the jump: none of them may steer. */
static void go_back(const struct update_turn *t, uint32_t offset)
{
	struct dfucast_update *u = t->u;

	u->acked = offset;
	u->next = offset;
	for (unsigned int i = 0; i < u->client.count; i++) {
		u->client.pending[i].length |= UPDATE_OVERTAKEN;
	}
	update_clear(u, UPDATE_SAMPLE);
	if ((u->link_flags & DFUCAST_LINK_FRAGMENTS) && u->frame_max > u->value_max) {
		/* Frames travel in pieces: the far end may hold half of one and swallow the next. Empty it first. */
		update_set(u, UPDATE_RESYNC_DUE);
	}
	dfucast_update_upload_arm(t);
}

/* True when patience with answers that move nothing is over. */
static bool stalled(struct dfucast_update *u)
{
	if (++u->stalls > UPDATE_STALLS_MAX) {
		dfucast_update_fail(u, DFUCAST_ERR_NO_PROGRESS);
		return true;
	}
	return false;
}

/* No server takes back what it has acknowledged, but for a new session. One that does, may not for ever. */
static bool loses(struct dfucast_update *u, uint32_t offset)
{
	if (offset >= u->acked || ++u->attempts <= UPDATE_ATTEMPTS_MAX) {
		return false;
	}
	dfucast_update_fail(u, DFUCAST_ERR_NO_PROGRESS);
	return true;
}

static void progress(const struct update_turn *t, uint32_t offset, uint8_t match)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	u->acked = offset;
	u->stalls = 0;
	u->retries = 0;
	update_clear(u, UPDATE_PAUSE); /* it moves again: no reason to wait */
	if (u->next < offset) {
		u->next = offset;
	}
	if (offset < update_image(plan, u)->image_bytes) {
		if (u->client.count > 0) {
			dfucast_update_upload_arm(t);
		} else {
			update_clear(u, UPDATE_TIMER);
		}
		return;
	}
	dfucast_update_forget_pending(u);
	if (match == DFUCAST_SMP_MATCH_FALSE) {
		dfucast_update_upload_afresh(u, DFUCAST_ERR_UPLOAD_MISMATCH);
		return;
	}
	dfucast_update_enter(u, DFUCAST_UPDATE_VERIFY);
}

static void foreign(const struct update_turn *t)
{
	struct dfucast_update *u = t->u;

	if (update_has(u, UPDATE_FOREIGN)) {
		dfucast_update_fail(u, DFUCAST_ERR_FOREIGN_SESSION);
		return;
	}
	update_set(u, UPDATE_FOREIGN);
	dfucast_update_upload_begin(t, DFUCAST_ERR_FOREIGN_SESSION);
}

/* The answer to the first chunk: how much the server holds. */
static void first_answer(const struct update_turn *t, const struct dfucast_smp_upload_answer *answer)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (answer->offset > update_image(plan, u)->image_bytes) {
		dfucast_update_fail(u, DFUCAST_ERR_NO_PROGRESS);
		return;
	}
	if (answer->offset == 0) {
		if (!stalled(u)) {
			update_clear(u, UPDATE_ECHO_DUE);
			dfucast_update_arm(t, UPDATE_PAUSE_MS * u->stalls);
		}
		return;
	}
	if (answer->offset > DFUCAST_IMAGE_HEADER_BYTES) {
		if (u->sent_bytes == 0) {
			update_set(u, UPDATE_SKIPPED); /* a part that this run did not send */
		} else if (!update_has(u, UPDATE_CUT)) {
			u->attempts--; /* the same upload goes on */
		}
	}
	update_clear(u, UPDATE_CUT);
	dfucast_update_enter(u, DFUCAST_UPDATE_STREAM);
	u->sent_max =
	    answer->offset > DFUCAST_IMAGE_HEADER_BYTES ? answer->offset : DFUCAST_IMAGE_HEADER_BYTES;
	u->next = answer->offset;
	u->stalls = 0;
	progress(t, answer->offset, answer->match);
}

/* So much has gone well: earlier losses count no more. */
static void forgive(struct dfucast_update *u, uint32_t offset)
{
	if (offset > u->acked && (offset ^ u->acked) >= UPDATE_GROW_BYTES) {
		u->reconnects = 0;
		if (u->window < u->window_peak) {
			u->window++;
		}
	}
}

static void stream_answer(const struct update_turn *t, const struct dfucast_smp_pending *request,
			  const struct dfucast_smp_upload_answer *answer)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	uint32_t begin = request->offset;
	uint32_t end = begin + (request->length & UPDATE_LENGTH_MASK);
	uint32_t offset = answer->offset;

	if (offset > u->sent_max || offset > update_image(plan, u)->image_bytes) {
		foreign(t);
	} else if (request->length & UPDATE_OVERTAKEN) {
		if (offset > u->acked) {
			progress(t, offset, answer->match);
		}
	} else if (offset >= end) {
		forgive(u, offset);
		progress(t, offset, answer->match);
	} else if (offset == begin && offset != 0) {
		if (!stalled(u)) {
			go_back(t, offset);
			pause(t);
		}
	} else if (offset > begin) {
		u->stalls = 0;
		u->window = 1; /* it takes less than it is given: more in flight would be sent in vain */
		go_back(t, offset);
	} else if (offset == 0 && u->sent_max >= update_image(plan, u)->image_bytes) {
		dfucast_update_forget_pending(u);
		dfucast_update_enter(u, DFUCAST_UPDATE_VERIFY);
	} else if (offset == 0) {
		dfucast_update_upload_begin(t, DFUCAST_ERR_NO_PROGRESS);
	} else if (!stalled(u) && !loses(u, offset)) {
		go_back(t, offset);
	}
}

/* Shorter frames, one at a time: first what surely passes, then less; never less than the first chunk's. */
static void shrink(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;
	uint32_t least = (uint32_t)dfucast_update_first_bytes(plan, u);
	uint32_t shorter = u->frame_max > u->value_max ? u->value_max : u->frame_max - u->frame_max / 4u;

	u->frame_max = (uint16_t)(shorter < least ? least : shorter);
	u->window = 1;
}

static enum dfucast_err word_for(const struct dfucast_smp_error *error, bool is_first)
{
	if (error->group != DFUCAST_SMP_GROUP_IMG) {
		return DFUCAST_ERR_REFUSED;
	}
	switch (error->rc) {
	case DFUCAST_SMP_IMG_RC_IMAGE_TOO_LARGE:
		return DFUCAST_ERR_IMAGE_TOO_LARGE;
	case DFUCAST_SMP_IMG_RC_BAD_ADDRESS:
		return is_first ? DFUCAST_ERR_WRONG_SLOT : DFUCAST_ERR_REFUSED;
	case DFUCAST_SMP_IMG_RC_NOT_NEWER: /* as --upgrade-only asked it to */
		return is_first ? DFUCAST_ERR_DOWNGRADE : DFUCAST_ERR_REFUSED;
	default:
		return DFUCAST_ERR_REFUSED;
	}
}

/* The device said no. */
static void refused(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (dfucast_update_says_busy(t)) {
		if (stalled(u)) {
			return;
		}
		if (t->error.rc == DFUCAST_SMP_RC_NO_MEMORY && u->window > 1) {
			u->window--; /* its buffers are fewer than it said, or others use them too */
		}
		if (u->state == DFUCAST_UPDATE_STREAM) {
			go_back(t, u->acked);
			pause(t);
		} else {
			dfucast_update_arm(t, UPDATE_PAUSE_MS * (u->stalls + 1u));
		}
		return;
	}
	if (dfucast_update_says(t, DFUCAST_SMP_RC_CORRUPT) && u->frame_max > u->value_max &&
	    u->frame_max > dfucast_update_first_bytes(plan, u) && !stalled(u)) {
		shrink(t); /* no reassembly there: it took one piece for the whole frame */
		go_back(t, u->acked);
		return;
	}
	if (u->state == DFUCAST_UPDATE_ENDED) {
		return;
	}
	/* What it finds in the header it finds before its erase, unless that had to be asked for. */
	bool untouched = u->state == DFUCAST_UPDATE_FIRST && !update_has(u, UPDATE_AFRESH) && !plan->fresh;
	enum dfucast_err word = word_for(&t->error, u->state == DFUCAST_UPDATE_FIRST);

	dfucast_update_refuse(t, word);
	if (untouched && (word == DFUCAST_ERR_WRONG_SLOT || word == DFUCAST_ERR_DOWNGRADE)) {
		u->final = DFUCAST_STATE_SKIPPED;
		u->holds = DFUCAST_HOLDS_AS_BEFORE;
	}
}

static void measure(const struct update_turn *t, uint8_t sequence)
{
	struct dfucast_update *u = t->u;

	if (!update_has(u, UPDATE_SAMPLE) || sequence != u->sample_sequence) {
		return;
	}
	uint32_t sample = (uint16_t)(t->now - u->sample_ms);

	update_clear(u, UPDATE_SAMPLE);
	if (sample > UPDATE_RTT_MS_MAX) {
		sample = UPDATE_RTT_MS_MAX;
	}
	if (sample == 0) {
		sample = 1;
	}
	if (u->rtt_ms == 0) {
		u->rtt_ms = (uint16_t)sample;
	} else if (sample > u->rtt_ms) {
		u->rtt_ms = (uint16_t)((u->rtt_ms + sample + 1u) /
				       2u); /* up fast: a page erase must not look like a loss */
	} else {
		u->rtt_ms = (uint16_t)(u->rtt_ms - (u->rtt_ms - sample) / 8u);
	}
}

void dfucast_update_upload_answer(struct update_turn *t, int index, const uint8_t *body, size_t length)
{
	struct dfucast_update *u = t->u;
	struct dfucast_smp_pending request = u->client.pending[index];
	struct dfucast_smp_upload_answer answer;

	if (dfucast_smp_upload_decode(body, length, &t->error, &answer) != 0 ||
	    (t->error.rc == 0 && !answer.has_offset)) {
		update_set(u, UPDATE_MALFORMED); /* as if it had not come: the timer decides */
		return;
	}
	if (u->link_flags & DFUCAST_LINK_ORDERED) {
		/* What was asked before this and is not answered, will not be. */
		for (int i = 0; i < index; i++) {
			dfucast_smp_client_remove(&u->client, 0);
		}
		index = 0;
	}
	dfucast_smp_client_remove(&u->client, index);
	measure(t, request.sequence);
	if (u->state == DFUCAST_UPDATE_FIRST) {
		update_clear(u, UPDATE_TIMER | UPDATE_ECHO_DUE);
		if (t->error.rc != 0) {
			refused(t);
		} else {
			first_answer(t, &answer);
		}
	} else if (u->state == DFUCAST_UPDATE_STREAM && request.offset != 0) {
		if (t->error.rc != 0) {
			if (!(request.length & UPDATE_OVERTAKEN)) {
				refused(t);
			}
		} else {
			stream_answer(t, &request, &answer);
		}
	}
}

/* An echo sent behind the first chunk was answered. If the first chunk was not, it or its answer is lost. */
void dfucast_update_echo_answer(struct dfucast_update *u)
{
	if (u->state != DFUCAST_UPDATE_FIRST || u->client.count == 0 ||
	    u->client.pending[0].request != DFUCAST_SMP_REQUEST_IMG_UPLOAD ||
	    update_has(u, UPDATE_TX | UPDATE_DUE)) {
		return;
	}
	if (stalled(u)) {
		return;
	}
	dfucast_smp_client_clear(&u->client);
	update_set(u, UPDATE_DUE); /* with the same sha it cannot restart what was begun */
}

void dfucast_update_first_tick(const struct update_turn *t)
{
	struct dfucast_update *u = t->u;

	if (u->client.count == 0 || u->client.pending[0].request != DFUCAST_SMP_REQUEST_IMG_UPLOAD) {
		update_set(u, UPDATE_DUE); /* a pause is over */
		return;
	}
	if ((int32_t)(t->now - u->limit_ms) >= 0) {
		dfucast_update_forget_pending(u);
		if (++u->retries > 1) {
			dfucast_update_reconnect(t, DFUCAST_UPDATE_PARAMS, dfucast_update_silence(u));
			return;
		}
		update_set(u, UPDATE_DUE);
		return;
	}
	if (update_has(u, UPDATE_PROBES) && u->client.count < u->window) {
		update_set(u, UPDATE_ECHO_DUE);
	}
	dfucast_update_arm(t, UPDATE_ECHO_MS);
}

void dfucast_update_upload_tick(const struct update_turn *t)
{
	const struct dfucast_update_plan *plan = t->plan;
	struct dfucast_update *u = t->u;

	if (update_has(u, UPDATE_PAUSE)) {
		update_clear(u, UPDATE_PAUSE);
		if (u->client.count > 0) {
			dfucast_update_upload_arm(t);
		}
		return;
	}
	if (u->client.count == 0) {
		return; /* waits for the stream */
	}
	/* All in flight are lost, or the device is away. */
	dfucast_update_forget_pending(u);
	if (++u->retries > update_retries_max(plan) + 2u) {
		dfucast_update_reconnect(t, DFUCAST_UPDATE_PARAMS, dfucast_update_silence(u));
		return;
	}
	if (u->retries > 1 && u->rtt_ms == 0) {
		/* No long frame has arrived on this link: no reassembly there, or less room than it says. */
		shrink(t);
	}
	if (u->window > 1 && u->retries > 1) {
		u->window--;
	}
	go_back(t, u->acked);
	update_clear(u, UPDATE_TIMER);
}
