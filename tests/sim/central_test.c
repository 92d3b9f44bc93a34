/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The smallest central (apps/central) on a board made of model peripherals and a host that speaks a protocol of its
 * own: it is asked for an offset and a length and sends them piece by piece. Virtual time, one thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../apps/central/board.h"
#include "../../sim/peer/peer.h"

#define DEVICES 4u
#define IMAGE_BYTES 90000u
#define FACTORY_BYTES 20000u
#define HOST_PIECE_BYTES 230u /* what fits a message of that host */
#define HOST_PIECE_MS 4u
#define LIMIT_MS (30u * 60u * 1000u)

void dfucast_port_assert_failed(const char *file, int line)
{
	fail_msg("assert at %s:%d", file, line);
	abort();
}

struct timer {
	bool runs;
	uint32_t when;
};

struct device {
	struct sim_peer peer;
	struct dfucast_link link;
	uint16_t mtu;
	bool connected;
	struct timer connect, down, resubscribe, write, notify;
	uint8_t value[CENTRAL_MTU_MAX];
	size_t value_length; /* 0: a write can be taken */
	bool refused;
	uint8_t answer[4096];
	size_t answer_length, answer_position;
	unsigned int connects;
};

static struct device devices[DEVICES];
static uint8_t image[IMAGE_BYTES];
static uint8_t factory[FACTORY_BYTES];
static struct central_image announced;
static uint32_t now;
static struct {
	uint32_t offset, end; /* still to be sent */
	uint32_t sent;
	struct timer timer;
	bool lies; /* one bit is not the announced image's */
} host;

static void arm(struct timer *timer, uint32_t delay_ms)
{
	*timer = (struct timer){true, now + delay_ms};
}

static bool fires(struct timer *timer)
{
	bool fire = timer->runs && (int32_t)(now - timer->when) >= 0;

	timer->runs = timer->runs && !fire;
	return fire;
}

/* ---- what the central asks of its board ---- */

uint32_t board_now(void)
{
	return now;
}

/* The whole hash at its end: the model has no running one. */
static uint8_t hashed[IMAGE_BYTES];
static size_t hashed_bytes;

static bool hash_start(void *context)
{
	(void)context;
	hashed_bytes = 0;
	return true;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	(void)context;
	assert_true(length <= sizeof(hashed) - hashed_bytes);
	memcpy(hashed + hashed_bytes, bytes, length);
	hashed_bytes += length;
	return true;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	(void)context;
	sim_peer_sha256(hashed, hashed_bytes, digest);
	return true;
}

const struct dfucast_sha256 board_sha256 = {NULL, hash_start, hash_update, hash_finish};

void board_connect(struct dfucast_link link)
{
	devices[link.target].link = link;
	arm(&devices[link.target].connect, 60);
}

void board_disconnect(struct dfucast_link link)
{
	assert_int_equal(devices[link.target].link.generation, link.generation);
	devices[link.target].connect.runs = false;
	arm(&devices[link.target].down, 20);
}

void board_resubscribe(struct dfucast_link link)
{
	assert_true(devices[link.target].connected);
	sim_peer_resubscribe(&devices[link.target].peer);
	arm(&devices[link.target].resubscribe, 30);
}

bool board_write_command(struct dfucast_link link, const uint8_t *value, size_t length)
{
	struct device *device = &devices[link.target];

	assert_int_equal(device->link.generation, link.generation);
	assert_true(length > 0 && length <= device->mtu - 3u);
	if (!device->connected || device->value_length != 0) {
		device->refused = true;
		return false;
	}
	memcpy(device->value, value, length);
	device->value_length = length;
	arm(&device->write, 3);
	return true;
}

void board_ask_image(uint32_t offset, uint32_t length)
{
	assert_true(length > 0 && length <= IMAGE_BYTES && offset <= IMAGE_BYTES - length);
	host.offset = offset;
	host.end = offset + length;
	arm(&host.timer, HOST_PIECE_MS);
}

/* ---- what happens on the board ---- */

static void device_down(struct device *device)
{
	device->connected = false;
	device->value_length = 0;
	device->answer_length = device->answer_position = 0;
	device->write.runs = device->notify.runs = device->resubscribe.runs = device->down.runs = false;
	sim_peer_disconnect(&device->peer);
	central_event(device->link, CENTRAL_DISCONNECTED, 23);
}

static void device_answers(struct device *device)
{
	size_t part = device->answer_length - device->answer_position;

	if (part > device->mtu - 3u)
		part = device->mtu - 3u;
	central_notification(device->link, device->answer + device->answer_position, part);
	device->answer_position += part;
}

static void device_step(struct device *device)
{
	bool there = sim_peer_connectable(&device->peer);

	if (fires(&device->connect)) {
		if (there) {
			device->connected = true;
			device->connects++;
			central_event(device->link, CENTRAL_CONNECTED, device->mtu);
		} else {
			central_event(device->link, CENTRAL_DISCONNECTED, 23);
		}
	}
	if (device->connected && !there && !device->down.runs)
		arm(&device->down, 400); /* supervision timeout */
	if (fires(&device->down)) {
		device_down(device);
		return;
	}
	if (!there || !device->connected)
		return;
	if (fires(&device->resubscribe))
		central_event(device->link, CENTRAL_RESUBSCRIBED, 0);
	if (fires(&device->write)) {
		sim_peer_receive(&device->peer, device->value, device->value_length, now);
		device->value_length = 0;
		device->refused = false;
		central_event(device->link, CENTRAL_WRITE_COMPLETE, 0);
	}
	if (device->peer.drop_link) {
		device->peer.drop_link = false;
		device_down(device);
		return;
	}
	if (device->answer_position == device->answer_length) {
		device->answer_position = 0;
		device->answer_length =
		    sim_peer_answer(&device->peer, device->answer, sizeof(device->answer), now);
		if (device->answer_length != 0)
			arm(&device->notify, 3);
	}
	if (fires(&device->notify)) {
		device_answers(device);
		if (device->answer_position < device->answer_length)
			arm(&device->notify, 3);
	}
}

static void host_step(void)
{
	uint8_t piece[HOST_PIECE_BYTES];
	uint32_t length = host.end - host.offset;

	if (!fires(&host.timer))
		return;
	if (length > HOST_PIECE_BYTES)
		length = HOST_PIECE_BYTES;
	memcpy(piece, image + host.offset, length);
	if (host.lies && host.offset + length == IMAGE_BYTES)
		piece[length - 1] ^= 1;
	host.offset += length;
	host.sent += length;
	if (host.offset < host.end)
		arm(&host.timer, HOST_PIECE_MS);
	central_image_bytes(host.offset - length, piece, length);
}

static void earlier(uint32_t *next, const struct timer *timer)
{
	if (timer->runs && (int32_t)(timer->when - *next) < 0)
		*next = timer->when;
}

/* The board's main loop: what happened, the central, sleep. */
static void run(void)
{
	uint32_t deadline;
	uint32_t when;

	do {
		for (uint16_t i = 0; i < DEVICES; i++) {
			sim_peer_tick(&devices[i].peer, now);
			device_step(&devices[i]);
		}
		host_step();
		uint32_t next = now + 1000;

		if (central_poll(now, &deadline) && (int32_t)(deadline - next) < 0)
			next = deadline;
		for (uint16_t i = 0; i < DEVICES; i++) {
			const struct device *device = &devices[i];

			earlier(&next, &device->connect);
			earlier(&next, &device->down);
			earlier(&next, &device->resubscribe);
			earlier(&next, &device->write);
			earlier(&next, &device->notify);
			if (sim_peer_deadline(&device->peer, &when) && (int32_t)(when - next) < 0)
				next = when;
		}
		earlier(&next, &host.timer);
		now = (int32_t)(next - now) > 0 ? next : now + 1;
	} while ((!dfucast_cast_is_done(&central_cast) || central_cast.links_open != 0) && now < LIMIT_MS);
}

static int setup(void **state)
{
	static const uint16_t mtus[DEVICES] = {247, 498, 185, 23};
	static const uint8_t old_version[4] = {1, 2, 3, 0};
	static const uint8_t new_version[4] = {1, 3, 0, 7};
	struct sim_peer_image made;
	struct sim_peer_config config;

	(void)state;
	now = 1000;
	memset(devices, 0, sizeof(devices));
	memset(&host, 0, sizeof(host));
	sim_peer_image_make(factory, FACTORY_BYTES, old_version, 1);
	sim_peer_image_make(image, IMAGE_BYTES, new_version, 2);
	assert_true(sim_peer_image_look(image, IMAGE_BYTES, &made));
	announced.bytes = IMAGE_BYTES;
	announced.version = (struct dfucast_version){1, 3, 0, 7};
	memcpy(announced.header, image, sizeof(announced.header));
	memcpy(announced.hash, made.hash, sizeof(announced.hash));
	sim_peer_sha256(image, IMAGE_BYTES, announced.sha);
	sim_peer_config_default(&config);
	config.buf_size = 1024;
	config.reassembly = true;
	config.slot_bytes = 106496;
	for (uint16_t i = 0; i < DEVICES; i++) {
		config.progressive = i % 2 == 0;
		sim_peer_init(&devices[i].peer, &config, factory, FACTORY_BYTES, now);
		devices[i].mtu = mtus[i];
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < DEVICES; i++)
		sim_peer_free(&devices[i].peer);
	return 0;
}

static struct dfucast_status status_of(uint16_t device)
{
	struct dfucast_status status;

	dfucast_cast_status(&central_cast, device, &status);
	return status;
}

static void all_confirmed(void)
{
	for (uint16_t i = 0; i < DEVICES; i++) {
		assert_int_equal(status_of(i).state, DFUCAST_STATE_DONE);
		assert_int_equal(status_of(i).holds, DFUCAST_HOLDS_IMAGE);
		assert_true(sim_peer_is_updated(&devices[i].peer));
		assert_memory_equal(devices[i].peer.slots[0].bytes, image, IMAGE_BYTES);
		assert_false(devices[i].connected);
	}
}

static void updates_four(void **state)
{
	(void)state;
	central_start(&announced, DEVICES);
	run();
	all_confirmed();
	/* Once over the host's line, but for the header, which was announced; the ring is smaller than the image. */
	assert_int_equal(host.sent, IMAGE_BYTES - DFUCAST_IMAGE_HEADER_BYTES);
	assert_int_equal(central_cast.passes, 1);
	assert_true(central_cast.ring.size < IMAGE_BYTES && central_cast.ring.head == IMAGE_BYTES);
	for (uint16_t i = 0; i < DEVICES; i++)
		assert_int_equal(devices[i].connects, 2); /* the second time after the reset */
}

static void again_sends_nothing(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < DEVICES; i++) {
		sim_peer_preset(&devices[i].peer, image, IMAGE_BYTES, true, true);
		sim_peer_reset(&devices[i].peer, now);
	}
	central_start(&announced, DEVICES);
	run();
	all_confirmed();
	assert_int_equal(host.sent, 0);
	assert_int_equal(status_of(0).sent_bytes, 0);
}

/* All hold the image already, not started: its bytes are fetched only to be hashed. */
static void staged_devices_are_not_started_unproven(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < DEVICES; i++)
		sim_peer_preset(&devices[i].peer, image, IMAGE_BYTES, false, false);
	central_start(&announced, DEVICES);
	run();
	all_confirmed();
	assert_int_equal(central_cast.passes, 0);
	assert_int_equal(host.sent, IMAGE_BYTES - DFUCAST_IMAGE_HEADER_BYTES);
}

static void a_wrong_byte_starts_nobody(void **state)
{
	(void)state;
	host.lies = true;
	central_start(&announced, DEVICES);
	run();
	for (uint16_t i = 0; i < DEVICES; i++) {
		assert_int_equal(status_of(i).outcome.err, DFUCAST_ERR_IMAGE_HASH);
		assert_int_equal(devices[i].peer.boots, 0);
		assert_memory_equal(devices[i].peer.slots[0].bytes, factory, FACTORY_BYTES);
		assert_false(devices[i].peer.slots[1].magic);
		assert_false(devices[i].connected);
	}
}

static void links_break_and_come_back(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < DEVICES; i++) {
		devices[i].peer.config.faults[0] =
		    (struct sim_peer_fault){SIM_PEER_FAULT_DISCONNECT, true, 5u + 7u * i, 1, i % 2};
		devices[i].peer.config.faults[1] =
		    (struct sim_peer_fault){SIM_PEER_FAULT_DISCONNECT, true, 40u + 7u * i, 1, 1};
	}
	central_start(&announced, DEVICES);
	run();
	all_confirmed();
	for (uint16_t i = 0; i < DEVICES; i++)
		assert_int_equal(devices[i].connects, 4);
}

static void a_device_that_is_away_fails_alone(void **state)
{
	(void)state;
	devices[2].peer.state = SIM_PEER_DEAD;
	central_start(&announced, DEVICES);
	run();
	assert_int_equal(status_of(2).state, DFUCAST_STATE_FAILED);
	assert_int_equal(status_of(2).outcome.err, DFUCAST_ERR_UNREACHABLE);
	for (uint16_t i = 0; i < DEVICES; i++)
		assert_true(sim_peer_is_updated(&devices[i].peer) == (i != 2));
}

/* ---- docs/central.md's table: what a device gets, in order ---- */

static char record[4096];

/* Short requests with all their bytes but the sequence number; of uploads only the first and that more followed. */
static void observe(void *context, const struct sim_peer_event *event)
{
	size_t length = 8u + (size_t)(event->bytes != NULL ? event->bytes[2] << 8 | event->bytes[3] : 0);
	size_t used = strlen(record);

	(void)context;
	if (event->kind == SIM_PEER_EVENT_BOOT) {
		snprintf(record + used, sizeof(record) - used, "boot\n");
		return;
	}
	if (event->kind != SIM_PEER_EVENT_REQUEST)
		return;
	if (event->group == 1 && event->command == 1 && event->offset != 0) {
		if (used < 5 || strcmp(record + used - 5, "more\n") != 0)
			snprintf(record + used, sizeof(record) - used, "more\n");
		return;
	}
	for (size_t i = 0; i < length; i++) {
		used = strlen(record);
		if (i == 6)
			snprintf(record + used, sizeof(record) - used, "..");
		else
			snprintf(record + used, sizeof(record) - used, "%02X", event->bytes[i]);
	}
	used = strlen(record);
	snprintf(record + used, sizeof(record) - used, "\n");
}

static void append_hex(char *text, size_t capacity, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		snprintf(text + strlen(text), capacity - strlen(text), "%02X", bytes[i]);
}

static void append(char *text, size_t capacity, const char *more)
{
	snprintf(text + strlen(text), capacity - strlen(text), "%s", more);
}

static void sends_what_the_table_says(void **state)
{
	char expected[4096] = "080000010000..06A0\n" /* step 2: params */
			      "0800000C0000..08A16571756572796"
			      "46D6F6465\n"          /* bootloader mode */
			      "080000010001..06A0\n" /* slots */
			      "080000010001..00A0\n" /* image list */
			      /* steps 3 and 5: the first chunk, 90000 bytes = 00015F90 */
			      "0A0000630001..01A565696D61676500636C656E1A00015F90636F6666006373686158"
			      "20";

	(void)state;
	record[0] = '\0';
	devices[1].peer.config.observe = observe;
	append_hex(expected, sizeof(expected), announced.sha, 32);
	append(expected, sizeof(expected),
	       "646461746158"
	       "20");
	append_hex(expected, sizeof(expected), announced.header, 32);
	append(expected, sizeof(expected),
	       "\n0A0000040000..00A1616460\n" /* the echo that would show a lost first chunk */
	       "more\n"                       /* step 6 */
	       "080000010001..00A0\n"         /* step 7: the list must show the hash */
	       "0A0000310001..00A26468617368"
	       "5820"); /* step 8 */
	append_hex(expected, sizeof(expected), announced.hash, 32);
	append(expected, sizeof(expected),
	       "67636F6E6669726DF4\n"
	       "080000010001..00A0\n"
	       "0A0000010000..05A0\n" /* step 9 */
	       "boot\n"
	       "080000010001..00A0\n"
	       "0A00000A0001..00A167636F6E6669726DF5\n" /* step 10 */
	       "080000010001..00A0\n");
	central_start(&announced, DEVICES);
	run();
	all_confirmed();
	assert_string_equal(record, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(updates_four, setup, teardown),
	    cmocka_unit_test_setup_teardown(sends_what_the_table_says, setup, teardown),
	    cmocka_unit_test_setup_teardown(again_sends_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(staged_devices_are_not_started_unproven, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_wrong_byte_starts_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(links_break_and_come_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_device_that_is_away_fails_alone, setup, teardown),
	};

	return cmocka_run_group_tests_name("central", tests, NULL, NULL);
}
