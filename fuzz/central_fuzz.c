/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * libFuzzer: any events, in any order, with any answers of the stack, through a BLE central's logic: advertisements,
 * discoveries, statuses, notifications, links that the application lends. It must keep to the contract with its user
 * (cast.h), never want things for ever at one moment, and in the end let go of every link.
 */
#include <dfucast/ble_central.h>
#include <dfucast/port.h>
#include <stdlib.h>
#include <string.h>

#define TARGETS 3u
#define CONNS 3u
#define OPS_MAX 400u /* at one moment */
#define MUST(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	abort();
}

enum link { DOWN, OPENING, UP, RESYNCING, CLOSING };

static struct {
	const uint8_t *data;
	size_t size;
	uint32_t now;
	struct {
		enum link link;
		uint16_t generation;
		bool open, close, resync; /* wishes */
		size_t frame; /* to be sent; 0: none. Stays until it is sent or the link is down */
	} targets[TARGETS];
} world;
static struct dfucast_ble_central central;

static uint8_t byte(void)
{
	if (world.size == 0)
		return 0;
	world.size--;
	return *world.data++;
}

static uint16_t number(void)
{
	uint16_t high = byte();

	return (uint16_t)(high << 8 | byte());
}

/* ---- the user: as cast.h says ---- */

static bool next_request(void *context, struct dfucast_link_request *request, uint32_t now)
{
	(void)context;
	(void)now;
	for (uint16_t i = 0; i < TARGETS; i++) {
		request->link = (struct dfucast_link){i, world.targets[i].generation};
		if (world.targets[i].link == DOWN && world.targets[i].open) {
			world.targets[i].open = false;
			world.targets[i].link = OPENING;
			request->link.generation = ++world.targets[i].generation;
			request->kind = DFUCAST_REQUEST_OPEN;
			return true;
		}
		if (world.targets[i].link == UP && world.targets[i].resync) {
			world.targets[i].resync = false;
			world.targets[i].link = RESYNCING;
			request->kind = DFUCAST_REQUEST_RESYNC;
			return true;
		}
		if (world.targets[i].link != DOWN && world.targets[i].link != CLOSING &&
		    world.targets[i].close) {
			world.targets[i].close = false;
			world.targets[i].link = CLOSING;
			request->kind = DFUCAST_REQUEST_CLOSE;
			return true;
		}
	}
	return false;
}

static enum link *of(struct dfucast_link link)
{
	MUST(link.target < TARGETS && link.generation == world.targets[link.target].generation);
	return &world.targets[link.target].link;
}

static void link_up(void *context, struct dfucast_link link, const struct dfucast_link_info *info,
		    uint32_t now)
{
	(void)context;
	(void)now;
	MUST(*of(link) == OPENING && info->value_max >= 20);
	*of(link) = UP;
}

static void link_down(void *context, struct dfucast_link link, enum dfucast_err err, uint32_t now)
{
	(void)context;
	(void)now;
	MUST(*of(link) != DOWN && (err != DFUCAST_ERR_OK || *of(link) == CLOSING));
	*of(link) = DOWN;
	world.targets[link.target].frame = 0;
}

static void resynced(void *context, struct dfucast_link link, uint32_t now)
{
	(void)context;
	(void)now;
	MUST(*of(link) == RESYNCING);
	*of(link) = UP;
}

static void recv(void *context, struct dfucast_link link, const uint8_t *frame, size_t length, uint32_t now)
{
	(void)context;
	(void)now;
	MUST(*of(link) != DOWN && length >= 8 && frame != NULL);
}

static size_t begin(void *context, struct dfucast_link link, uint32_t now)
{
	(void)context;
	(void)now;
	MUST(*of(link) == UP);
	return world.targets[link.target].frame;
}

static void read_part(void *context, struct dfucast_link link, size_t position, uint8_t *buffer,
		      size_t length)
{
	(void)context;
	MUST(*of(link) == UP && position + length <= world.targets[link.target].frame);
	memset(buffer, 0, length);
}

static void sent(void *context, struct dfucast_link link, uint32_t now)
{
	(void)context;
	(void)now;
	MUST(*of(link) == UP);
	world.targets[link.target].frame = 0;
}

/* ---- the stack ---- */

static struct dfucast_ble_address address_of(uint8_t target)
{
	return (struct dfucast_ble_address){1, {(uint8_t)(target % (TARGETS + 1u))}};
}

static void event(void)
{
	static uint8_t bytes[64];
	struct dfucast_ble_event event = {.kind = byte() % (DFUCAST_BLE_DEAF + 1u),
					  .handle = {byte() % 3u, byte() % 3u}};
	uint8_t length = byte() % sizeof(bytes);

	for (uint8_t i = 0; i < length; i++)
		bytes[i] = byte();
	switch (event.kind) {
	case DFUCAST_BLE_ADVERTISEMENT:
		event.report = (struct dfucast_ble_report){.address = address_of(byte()),
							   .connectable = byte() % 4u != 0,
							   .length = length,
							   .data = bytes};
		break;
	case DFUCAST_BLE_CONNECTED:
		event.connected.address = address_of(byte());
		event.connected.params = (struct dfucast_ble_params){number(), number(), number()};
		break;
	case DFUCAST_BLE_PARAMS_CHANGED:
		event.params = (struct dfucast_ble_params){number(), number(), number()};
		break;
	case DFUCAST_BLE_PARAMS_ASKED:
		event.asked = (struct dfucast_ble_params_asked){number(), number(), number(), number()};
		break;
	case DFUCAST_BLE_FOUND_SERVICE:
	case DFUCAST_BLE_FOUND_CHARACTERISTIC:
	case DFUCAST_BLE_FOUND_DESCRIPTOR:
		event.found.first = number();
		event.found.last = number();
		event.found.wanted = byte() % 2u;
		break;
	case DFUCAST_BLE_NOTIFIED:
		event.value.bytes = bytes;
		event.value.length = length;
		event.value.attribute = number();
		break;
	default:
		event.number = number();
		break;
	}
	(void)dfucast_ble_central_event(&central, &event, world.now);
}

static void lend(void)
{
	const struct dfucast_ble_offer offer = {.handle = {byte() % 3u, byte() % 3u},
						.params = {number(), 0, number()},
						.target = byte() % (TARGETS + 1u),
						.mtu = number() % 600u,
						.value = number(),
						.ccc = number(),
						.secured = byte() % 2u};

	if (byte() % 2u)
		(void)dfucast_ble_central_adopt(&central, &offer, world.now);
	else
		(void)dfucast_ble_central_release(&central, offer.handle);
}

static void round_of(enum dfucast_ble_result always, bool any)
{
	struct dfucast_ble_op op;
	unsigned int count = 0;

	dfucast_ble_central_tick(&central, world.now);
	while (dfucast_ble_central_next(&central, &op, world.now)) {
		MUST(++count < OPS_MAX);
		MUST(op.kind != DFUCAST_BLE_OP_WRITE || (op.length >= 1 && op.length <= 244));
		dfucast_ble_central_result(
		    &central, &op, any ? (enum dfucast_ble_result)(byte() % (DFUCAST_BLE_GONE + 1u)) : always,
		    world.now);
	}
}

static void wish(void)
{
	uint8_t which = byte();
	uint8_t target = which % TARGETS;

	world.targets[target].open |= (which & 0x10) != 0;
	world.targets[target].close |= (which & 0x20) != 0;
	world.targets[target].resync |= (which & 0x40) != 0;
	if (which & 0x80 && world.targets[target].frame == 0)
		world.targets[target].frame = 8u + number() % 2000u;
	central.slow = (which & 0x04) != 0;
	central.listen = (which & 0x08) != 0;
}

/* Everything is closed, the stack answers nothing: in bounded time the user has no link left. */
static void let_go(void)
{
	uint32_t deadline;

	for (uint16_t i = 0; i < TARGETS; i++) {
		world.targets[i].open = world.targets[i].resync = false;
		world.targets[i].close = world.targets[i].link != DOWN && world.targets[i].link != CLOSING;
	}
	central.listen = false;
	for (unsigned int rounds = 0; rounds < 2000; rounds++) {
		round_of(DFUCAST_BLE_STARTED, false);
		if (!dfucast_ble_central_deadline(&central, &deadline))
			break;
		/* What is late is due in a millisecond: a deadline that stays in the past would go round for ever. */
		world.now = (int32_t)(deadline - world.now) > 0 ? deadline : world.now + 1u;
	}
	for (uint16_t i = 0; i < TARGETS; i++)
		MUST(world.targets[i].link == DOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dfucast_ble_target targets[TARGETS];
	static struct dfucast_ble_conn conns[CONNS];
	static struct dfucast_ble_pool pool;
	static uint8_t memory[2][128], value[244];
	const struct dfucast_ble_central_config config = {.targets = targets,
							  .conns = conns,
							  .value = value,
							  .pool = &pool,
							  .target_count = TARGETS,
							  .value_bytes = sizeof(value),
							  .conn_count = CONNS,
							  .write_queue = 2};
	const struct dfucast_ble_user user = {NULL, next_request, link_up,   link_down, resynced,
					      recv, begin,        read_part, sent};

	memset(&world, 0, sizeof(world));
	memset(targets, 0, sizeof(targets));
	world.data = data;
	world.size = size;
	world.now = number() * 65536u;
	targets[0].address = address_of(0);
	targets[0].flags = DFUCAST_BLE_TARGET_PINNED;
	targets[1].name = "Sen*";
	targets[2].flags = byte() % 8u; /* unpinned or owned, as it comes */
	dfucast_ble_pool_init(&pool, memory[0], sizeof(memory[0]), 2);
	dfucast_ble_central_init(&central, &config);
	dfucast_ble_central_set_user(&central, &user);
	while (world.size > 0) {
		switch (byte() % 5u) {
		case 0:
			wish();
			break;
		case 1:
			lend();
			break;
		case 2:
			world.now += number();
			break;
		default:
			event();
			break;
		}
		round_of(DFUCAST_BLE_STARTED, true);
	}
	let_go();
	return 0;
}
