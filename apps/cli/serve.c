/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual device in real time, whatever brings its requests. */
#include "serve.h"

static uint32_t now_ms(const struct served *served)
{
	return (uint32_t)uv_now(&served->cli->loop);
}

static void wake(uv_timer_t *timer);

/* Answers that are due go out; then it sleeps until its next own deadline. */
static void follow(struct served *served)
{
	uint32_t when;
	size_t length;

	while ((length = sim_peer_answer(&served->peer, served->answer, sizeof(served->answer),
					 now_ms(served))) > 0) {
		cli_log(served->cli, 1, "%s: answer of %zu bytes", served->target, length);
		served->send(served, length);
	}
	if (served->boots_seen != served->peer.boots && served->peer.state == SIM_PEER_RUNNING) {
		served->boots_seen = served->peer.boots;
		if (served->boots != NULL) {
			served->boots(served);
		}
	}
	if (sim_peer_deadline(&served->peer, &when)) {
		int32_t left = (int32_t)(when - now_ms(served));

		(void)uv_timer_start(&served->timer, wake, left > 0 ? (uint64_t)left : 0, 0);
	} else {
		(void)uv_timer_stop(&served->timer);
	}
}

static void wake(uv_timer_t *timer)
{
	struct served *served = timer->data;

	sim_peer_tick(&served->peer, now_ms(served));
	follow(served);
}

void served_take(struct served *served, const uint8_t *frame, size_t length)
{
	cli_log(served->cli, 1, "%s: request of %zu bytes", served->target, length);
	sim_peer_receive(&served->peer, frame, length, now_ms(served));
	follow(served);
}

void served_begin(struct served *served, struct cli *cli, const struct sim_peer_config *config,
		  const uint8_t *image, uint32_t image_bytes)
{
	served->cli = cli;
	(void)uv_timer_init(&cli->loop, &served->timer);
	served->timer.data = served;
	sim_peer_init(&served->peer, config, image, image_bytes, now_ms(served));
}

void served_close(struct served *served, uv_close_cb closed)
{
	served->close(served);
	uv_close((uv_handle_t *)&served->timer, closed);
}
