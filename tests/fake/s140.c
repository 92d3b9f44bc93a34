/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake SoftDevice, see s140.h. Two locks: `door` is the event interrupt's mask, `air` guards everything the
 * SoftDevice itself holds (its calls are supervisor calls, which nothing of the program interrupts). `door` is always
 * taken first.
 */
#include "s140.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 256u
#define EVENTS_FULL 192u /* from here on notifications wait in the radio */
#define AHEAD_MS 4u      /* how far the clock may run while the program works */
#define HELD_UP_MS 60u   /* how long other interrupts may hold the program up */
#define CONNECT_TIMEOUT_MS 2000u
#define SUPERVISION_MS 400u

enum link_state {
	LINK_FREE,
	LINK_UP,
	LINK_GONE, /* DISCONNECTED is in the queue */
};

struct timer {
	bool runs;
	uint32_t when;
};

struct link {
	enum link_state state;
	uint16_t device;
	uint16_t device_before; /* device + 1; 0: never used */
	uint16_t mtu;
	uint16_t reason;
	bool mtu_asked;
	bool subscribed;
	bool subscribe;        /* value of the CCCD being written */
	uint16_t procedure;    /* event that will end the running GATT procedure; 0: none */
	uint16_t write_length; /* 0: credit there */
	struct timer procedure_timer, write_timer, notify_timer, down_timer;
	uint8_t write[S140_VALUE_MAX];
	uint8_t answer[4096];
	size_t answer_length;
	size_t answer_position;
	struct s140_event last; /* last notification: comes again, too late */
};

struct s140 {
	struct s140_config config;
	struct s140_counts counts;
	pthread_t thread;
	pthread_mutex_t door;
	pthread_mutex_t air;
	pthread_cond_t radio_wakes;
	pthread_cond_t program_wakes;
	_Atomic uint32_t clock;
	uint64_t random;
	uint32_t leash;    /* the clock may run to here while the program works */
	uint32_t deadline; /* of the sleeping program */
	bool sleeping;
	bool woken;
	bool irq;
	bool stop;
	struct timer connect_timer;
	uint32_t connect_limit;
	uint16_t connecting; /* address */
	struct link links[S140_LINKS_MAX];
	uint16_t free_handles[S140_LINKS_MAX]; /* the one freed last is given out first */
	uint16_t free_count;
	uint8_t *drops; /* for each device */
	struct s140_event events[EVENTS_MAX];
	uint32_t event_first;
	uint32_t event_count;
};

/* splitmix64 */
static uint32_t roll(struct s140 *sd, uint32_t below)
{
	uint64_t z = sd->random += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (uint32_t)((z ^ z >> 31) >> 32) % below;
}

static bool reached(uint32_t now, uint32_t when)
{
	return (int32_t)(now - when) >= 0;
}

uint32_t s140_now(const struct s140 *sd)
{
	return atomic_load_explicit(&sd->clock, memory_order_relaxed);
}

static void arm(struct s140 *sd, struct timer *timer, uint32_t least_ms, uint32_t spread_ms)
{
	timer->runs = true;
	timer->when = s140_now(sd) + least_ms + roll(sd, spread_ms + 1u);
}

static bool fires(const struct s140 *sd, struct timer *timer)
{
	if (!timer->runs || !reached(s140_now(sd), timer->when))
		return false;
	timer->runs = false;
	return true;
}

static struct s140_event *push(struct s140 *sd, uint16_t id, uint16_t handle, uint16_t value)
{
	assert(sd->event_count < EVENTS_MAX);
	struct s140_event *event = &sd->events[(sd->event_first + sd->event_count++) % EVENTS_MAX];

	event->id = id;
	event->handle = handle;
	event->value = value;
	event->length = 0;
	sd->irq = true;
	return event;
}

/* ---- the radio ---- */

static void connected(struct s140 *sd)
{
	uint16_t device = sd->connecting;
	uint16_t handle = sd->free_handles[--sd->free_count];
	struct link *link = &sd->links[handle];
	uint16_t before = link->device_before;
	struct s140_event last = link->last;

	memset(link, 0, sizeof(*link));
	link->state = LINK_UP;
	link->device = device;
	link->device_before = (uint16_t)(device + 1u);
	link->mtu = 23;
	push(sd, S140_CONNECTED, handle, device);
	sd->counts.connects++;
	if (before != 0 && before != link->device_before) {
		sd->counts.reused++;
		if (roll(sd, 2) == 0) {
			/* Two that were on their way when the old connection ended. */
			push(sd, S140_WRITE_CMD_TX_COMPLETE, handle, 1);
			if (last.length != 0) {
				struct s140_event *late = push(sd, S140_HVX, handle, 0);

				late->length = last.length;
				memcpy(late->data, last.data, last.length);
			}
			sd->counts.late++;
		}
	}
	if (sd->drops[device] < sd->config.drops_max && roll(sd, 2) == 0) {
		sd->drops[device]++;
		sd->counts.drops++;
		link->reason = 0x08;
		arm(sd, &link->down_timer, 1, 1500);
	}
}

static void connect_step(struct s140 *sd)
{
	if (!fires(sd, &sd->connect_timer))
		return;
	struct sim_peer *peer = sd->config.devices[sd->connecting].peer;

	if (sim_peer_connectable(peer)) {
		connected(sd);
	} else if (reached(s140_now(sd), sd->connect_limit)) {
		push(sd, S140_TIMEOUT, S140_HANDLE_INVALID, 0);
	} else {
		arm(sd, &sd->connect_timer, 20, 20);
	}
}

static void link_down(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];

	sim_peer_disconnect(sd->config.devices[link->device].peer);
	link->state = LINK_GONE;
	push(sd, S140_DISCONNECTED, handle, link->reason);
}

static void end_procedure(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	const struct s140_device *device = &sd->config.devices[link->device];

	if (link->procedure == S140_EXCHANGE_MTU_RSP) {
		link->mtu = device->mtu;
	} else {
		link->subscribed = link->subscribe;
		if (!link->subscribed)
			sim_peer_resubscribe(device->peer);
	}
	push(sd, link->procedure, handle, device->mtu);
	link->procedure = 0;
}

static void notify(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	size_t part = link->answer_length - link->answer_position;

	if (part > link->mtu - 3u)
		part = link->mtu - 3u;
	if (link->subscribed) {
		struct s140_event *event = push(sd, S140_HVX, handle, 0);

		event->length = (uint16_t)part;
		memcpy(event->data, link->answer + link->answer_position, part);
		link->last = *event;
	}
	link->answer_position += part;
}

static void link_step(struct s140 *sd, uint16_t handle)
{
	struct link *link = &sd->links[handle];
	struct sim_peer *peer = sd->config.devices[link->device].peer;
	uint32_t now = s140_now(sd);

	if (!sim_peer_connectable(peer) && link->reason == 0) {
		link->reason = 0x08; /* it reset: the link dies of silence */
		arm(sd, &link->down_timer, SUPERVISION_MS, 0);
	}
	if (fires(sd, &link->down_timer)) {
		link_down(sd, handle);
		return;
	}
	if (!sim_peer_connectable(peer))
		return;
	if (fires(sd, &link->write_timer)) {
		sim_peer_receive(peer, link->write, link->write_length, now);
		link->write_length = 0;
		push(sd, S140_WRITE_CMD_TX_COMPLETE, handle, 1);
	}
	if (fires(sd, &link->procedure_timer))
		end_procedure(sd, handle);
	if (link->answer_position == link->answer_length) {
		link->answer_position = 0;
		link->answer_length = sim_peer_answer(peer, link->answer, sizeof(link->answer), now);
		if (link->answer_length != 0)
			arm(sd, &link->notify_timer, 1, 7);
	}
	if (sd->event_count < EVENTS_FULL && fires(sd, &link->notify_timer)) {
		notify(sd, handle);
		if (link->answer_position < link->answer_length)
			arm(sd, &link->notify_timer, 1, 7);
	}
}

static void earlier(uint32_t now, uint32_t *next, uint32_t when)
{
	/* What is late comes with the next tick of the clock. */
	if (reached(now, when))
		when = now + 1;
	if ((int32_t)(when - *next) < 0)
		*next = when;
}

static void earlier_timer(uint32_t now, uint32_t *next, const struct timer *timer)
{
	if (timer->runs)
		earlier(now, next, timer->when);
}

/* Everything due now. @return when there is more. */
static uint32_t radio_step(struct s140 *sd)
{
	uint32_t now = s140_now(sd);
	uint32_t next = now + 1000;
	uint32_t when;

	for (uint16_t i = 0; i < sd->config.count; i++) {
		sim_peer_tick(sd->config.devices[i].peer, now);
	}
	connect_step(sd);
	for (uint16_t i = 0; i < S140_LINKS_MAX; i++) {
		if (sd->links[i].state == LINK_UP)
			link_step(sd, i);
	}
	for (uint16_t i = 0; i < sd->config.count; i++) {
		if (sim_peer_deadline(sd->config.devices[i].peer, &when))
			earlier(now, &next, when);
	}
	earlier_timer(now, &next, &sd->connect_timer);
	for (uint16_t i = 0; i < S140_LINKS_MAX; i++) {
		const struct link *link = &sd->links[i];

		if (link->state == LINK_UP) {
			earlier_timer(now, &next, &link->down_timer);
			earlier_timer(now, &next, &link->write_timer);
			earlier_timer(now, &next, &link->procedure_timer);
			earlier_timer(now, &next, &link->notify_timer);
		}
	}
	return next;
}

/* Called with `air` held; gives it back in between, for the interrupt works with the SoftDevice. */
static void interrupt(struct s140 *sd)
{
	sd->irq = false;
	if (!sd->sleeping)
		sd->counts.preempted++;
	pthread_mutex_unlock(&sd->air);
	pthread_mutex_lock(&sd->door);
	sd->config.interrupt(sd->config.context);
	pthread_mutex_unlock(&sd->door);
	pthread_mutex_lock(&sd->air);
	sd->woken = true;
	pthread_cond_signal(&sd->program_wakes);
}

static void *radio(void *context)
{
	struct s140 *sd = context;

	pthread_mutex_lock(&sd->air);
	while (!sd->stop) {
		uint32_t next = radio_step(sd);
		uint32_t now = s140_now(sd);

		if (sd->irq) {
			interrupt(sd);
			continue;
		}
		uint32_t limit = sd->sleeping && !sd->woken ? sd->deadline : sd->leash;

		if (reached(now, limit)) {
			pthread_cond_signal(&sd->program_wakes);
			pthread_cond_wait(&sd->radio_wakes, &sd->air);
			continue;
		}
		next = reached(next, limit) ? limit : next;
		atomic_store_explicit(&sd->clock, next, memory_order_relaxed);
	}
	pthread_mutex_unlock(&sd->air);
	return NULL;
}

/* ---- start, stop, sleep, interrupt ---- */

struct s140 *s140_start(const struct s140_config *config)
{
	struct s140 *sd = calloc(1, sizeof(*sd));

	assert(sd != NULL && config->links_max <= S140_LINKS_MAX);
	sd->config = *config;
	sd->random = config->seed * 0xD1342543DE82EF95u + 1;
	sd->drops = calloc(config->count, 1);
	assert(sd->drops != NULL);
	for (uint16_t i = 0; i < config->links_max; i++) {
		sd->free_handles[sd->free_count++] = (uint16_t)(config->links_max - 1u - i);
	}
	pthread_mutex_init(&sd->door, NULL);
	pthread_mutex_init(&sd->air, NULL);
	pthread_cond_init(&sd->radio_wakes, NULL);
	pthread_cond_init(&sd->program_wakes, NULL);
	if (pthread_create(&sd->thread, NULL, radio, sd) != 0)
		abort();
	return sd;
}

void s140_stop(struct s140 *sd, struct s140_counts *counts)
{
	pthread_mutex_lock(&sd->air);
	sd->stop = true;
	pthread_cond_signal(&sd->radio_wakes);
	pthread_mutex_unlock(&sd->air);
	pthread_join(sd->thread, NULL);
	*counts = sd->counts;
	pthread_mutex_destroy(&sd->door);
	pthread_mutex_destroy(&sd->air);
	pthread_cond_destroy(&sd->radio_wakes);
	pthread_cond_destroy(&sd->program_wakes);
	free(sd->drops);
	free(sd);
}

void s140_wait(struct s140 *sd, uint32_t deadline)
{
	pthread_mutex_lock(&sd->air);
	sd->sleeping = true;
	sd->deadline = deadline;
	pthread_cond_signal(&sd->radio_wakes);
	while (!sd->woken && !reached(s140_now(sd), deadline)) {
		pthread_cond_wait(&sd->program_wakes, &sd->air);
	}
	sd->woken = false;
	sd->sleeping = false;
	sd->leash = s140_now(sd) + roll(sd, AHEAD_MS + 1u);
	pthread_cond_signal(&sd->radio_wakes);
	pthread_mutex_unlock(&sd->air);
}

void s140_irq_disable(struct s140 *sd)
{
	pthread_mutex_lock(&sd->air);
	if (roll(sd, 24) == 0) {
		/* The worst moment: much happens between what the program looked at and what it does about it. */
		sd->leash = s140_now(sd) + 1u + roll(sd, HELD_UP_MS);
		pthread_cond_signal(&sd->radio_wakes);
		while (!reached(s140_now(sd), sd->leash)) {
			pthread_cond_wait(&sd->program_wakes, &sd->air);
		}
	}
	pthread_mutex_unlock(&sd->air);
	pthread_mutex_lock(&sd->door);
}

void s140_irq_enable(struct s140 *sd)
{
	pthread_mutex_unlock(&sd->door);
}

void s140_irq_pend(struct s140 *sd)
{
	pthread_mutex_lock(&sd->air);
	sd->irq = true;
	pthread_cond_signal(&sd->radio_wakes);
	pthread_mutex_unlock(&sd->air);
}

/* ---- the SoftDevice's calls ---- */

uint32_t s140_evt_get(struct s140 *sd, struct s140_event *event)
{
	uint32_t result = S140_NOT_FOUND;

	pthread_mutex_lock(&sd->air);
	if (sd->event_count > 0) {
		*event = sd->events[sd->event_first];
		sd->event_first = (sd->event_first + 1u) % EVENTS_MAX;
		sd->event_count--;
		if (event->id == S140_DISCONNECTED) {
			sd->links[event->handle].state = LINK_FREE;
			sd->free_handles[sd->free_count++] = event->handle;
		}
		result = S140_SUCCESS;
	}
	pthread_mutex_unlock(&sd->air);
	return result;
}

static bool says_busy(struct s140 *sd)
{
	if (roll(sd, 12) != 0)
		return false;
	sd->counts.busy++;
	return true;
}

/* Called with `air` held. */
static uint32_t start_connect(struct s140 *sd, uint16_t address)
{
	if (sd->connect_timer.runs)
		return S140_INVALID_STATE;
	if (sd->free_count == 0)
		return S140_CONN_COUNT;
	if (says_busy(sd))
		return S140_BUSY;
	assert(address < sd->config.count);
	sd->connecting = address;
	sd->connect_limit = s140_now(sd) + CONNECT_TIMEOUT_MS;
	arm(sd, &sd->connect_timer, 3, 40);
	pthread_cond_signal(&sd->radio_wakes);
	return S140_SUCCESS;
}

uint32_t s140_gap_connect(struct s140 *sd, uint16_t address)
{
	pthread_mutex_lock(&sd->air);
	uint32_t result = start_connect(sd, address);

	pthread_mutex_unlock(&sd->air);
	return result;
}

uint32_t s140_gap_connect_cancel(struct s140 *sd)
{
	uint32_t result = S140_INVALID_STATE;

	pthread_mutex_lock(&sd->air);
	if (sd->connect_timer.runs) {
		sd->connect_timer.runs = false;
		result = S140_SUCCESS;
	}
	pthread_mutex_unlock(&sd->air);
	return result;
}

/* Called with `air` held; NULL: no such connection. */
static struct link *link_of(struct s140 *sd, uint16_t handle)
{
	if (handle >= S140_LINKS_MAX || sd->links[handle].state != LINK_UP)
		return NULL;
	return &sd->links[handle];
}

uint32_t s140_gap_disconnect(struct s140 *sd, uint16_t handle)
{
	uint32_t result = S140_INVALID_CONN_HANDLE;

	pthread_mutex_lock(&sd->air);
	struct link *link = link_of(sd, handle);

	if (link != NULL) {
		link->reason = 0x16;
		arm(sd, &link->down_timer, 5, 30);
		pthread_cond_signal(&sd->radio_wakes);
		result = S140_SUCCESS;
	}
	pthread_mutex_unlock(&sd->air);
	return result;
}

/* One GATT procedure a link. Called with `air` held. */
static uint32_t start_procedure(struct s140 *sd, struct link *link, uint16_t ends_with)
{
	if (link->procedure != 0 || says_busy(sd))
		return S140_BUSY;
	link->procedure = ends_with;
	arm(sd, &link->procedure_timer, 5, 40);
	pthread_cond_signal(&sd->radio_wakes);
	return S140_SUCCESS;
}

uint32_t s140_gattc_exchange_mtu_request(struct s140 *sd, uint16_t handle, uint16_t mtu)
{
	uint32_t result = S140_INVALID_CONN_HANDLE;

	pthread_mutex_lock(&sd->air);
	struct link *link = link_of(sd, handle);

	if (link != NULL) {
		assert(mtu == S140_MTU_MAX);
		result =
		    link->mtu_asked ? S140_INVALID_STATE : start_procedure(sd, link, S140_EXCHANGE_MTU_RSP);
		link->mtu_asked |= result == S140_SUCCESS;
	}
	pthread_mutex_unlock(&sd->air);
	return result;
}

static uint32_t write_command(struct s140 *sd, struct link *link, const struct s140_write *write)
{
	if (write->length > link->mtu - 3u)
		return S140_DATA_SIZE;
	if (link->write_length != 0) {
		sd->counts.no_credit++;
		return S140_RESOURCES;
	}
	if (says_busy(sd))
		return S140_BUSY;
	if (write->meant != link->device)
		sd->counts.misdirected++;
	assert(write->length > 0 && write->handle == S140_ATTRIBUTE_SMP);
	link->write_length = write->length;
	memcpy(link->write, write->value, write->length);
	arm(sd, &link->write_timer, 0, 7);
	pthread_cond_signal(&sd->radio_wakes);
	return S140_SUCCESS;
}

uint32_t s140_gattc_write(struct s140 *sd, uint16_t handle, const struct s140_write *write)
{
	uint32_t result = S140_INVALID_CONN_HANDLE;

	pthread_mutex_lock(&sd->air);
	struct link *link = link_of(sd, handle);

	if (link != NULL && write->op == S140_WRITE_CMD) {
		result = write_command(sd, link, write);
	} else if (link != NULL) {
		assert(write->handle == S140_ATTRIBUTE_CCCD && write->length == 2);
		result = start_procedure(sd, link, S140_WRITE_RSP);
		if (result == S140_SUCCESS)
			link->subscribe = write->value[0] != 0;
	}
	pthread_mutex_unlock(&sd->air);
	return result;
}
