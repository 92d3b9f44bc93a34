/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * libFuzzer: a cast of three devices, driven by the input: link events in any order, frames of any bytes and frames
 * that answer what is outstanding with plausible bodies, time in jumps. No assert of ours may fail, nothing may loop,
 * and after a stop everything ends.
 */
#include <dfucast/cast.h>
#include <dfucast/port.h>
#include <dfucast/update.h>

#include <stdlib.h>
#include <string.h>

#define DEVICES 3u
#define IMAGE_BYTES 3000u
#define SPIN_MAX 200u

#define MUST(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	abort(); /* no byte from a peer and no order of events may get here */
}

/* What remains of the input; zeros once it is used up. */
struct input {
	const uint8_t *bytes;
	size_t left;
};

static uint8_t take(struct input *input)
{
	if (input->left == 0) {
		return 0;
	}
	input->left--;
	return *input->bytes++;
}

static uint32_t take32(struct input *input)
{
	uint32_t high = take(input);

	return high << 8 | take(input);
}

struct world {
	struct dfucast_cast cast;
	struct dfucast_update devices[DEVICES];
	struct dfucast_cast_target targets[DEVICES];
	struct dfucast_link links[DEVICES];
	size_t begun[DEVICES];
	uint8_t asked[DEVICES]; /* enum dfucast_request_kind + 1, 0: nothing outstanding */
	bool open[DEVICES];
	uint8_t ring[700];
	uint32_t now;
};

static uint8_t image[IMAGE_BYTES];
static uint8_t image_hash[32];
static uint8_t second_hash[32];

#define SECOND_BYTES 700u /* of IMAGE_BYTES, where the plan has a second image */

static size_t put_slot(uint8_t *at, uint8_t number, bool ours, uint8_t flags)
{
	static const char *const keys[] = {"pending", "confirmed", "active", "permanent"};
	uint8_t *from = at;

	*at++ = 0xBF;
	if (number != 0) {
		memcpy(at, "\x65image", 6);
		at[6] = number;
		at += 7;
	}
	memcpy(at,
	       "\x64slot\x00\x67version\x65"
	       "1.0.0\x64hash\x58\x20",
	       27);
	at[5] = flags & 4 ? 0 : 1;
	at += 27;
	memset(at, ours ? (number != 0 ? 0x22 : 0x11) : 0x77, 32);
	at += 32;
	for (unsigned int i = 0; i < 4; i++) {
		size_t length = strlen(keys[i]);

		*at++ = (uint8_t)(0x60u + length);
		memcpy(at, keys[i], length);
		at += length;
		*at++ = flags >> i & 1 ? 0xF5 : 0xF4;
	}
	*at++ = 0xFF;
	return (size_t)(at - from);
}

/* A body that makes sense to some request, with numbers from the input. */
static size_t plausible(struct input *input, uint8_t *body)
{
	uint8_t *at = body;
	uint8_t kind = take(input);

	*at++ = 0xBF;
	switch (kind % 7) {
	case 0:
		memcpy(at, "\x63off\x19", 5);
		at[5] = take(input) & 15;
		at[6] = take(input);
		at += 7;
		break;
	case 1:
		memcpy(at, "\x62rc", 3);
		at[3] = take(input) & 15;
		at += 4;
		break;
	case 2:
		memcpy(at,
		       "\x68"
		       "buf_size\x19",
		       10);
		at[10] = take(input) & 3;
		at[11] = take(input);
		memcpy(at + 12,
		       "\x69"
		       "buf_count",
		       10);
		at[22] = take(input) & 7;
		at += 23;
		break;
	case 3:
		memcpy(at, "\x64mode", 5);
		at[5] = take(input) & 15;
		at += 6;
		break;
	case 4:
		memcpy(at, "\x66images\x9F", 8);
		at += 8;
		kind = take(input);
		at += put_slot(at, 0, kind & 1, (uint8_t)(4 | (take(input) & 3)));
		if (kind & 2) {
			at += put_slot(at, 0, kind & 4, (uint8_t)(take(input) & 11));
		}
		if (kind & 16) {
			at += put_slot(at, 1, kind & 32, (uint8_t)(4 | (take(input) & 3)));
		}
		if (kind & 64) {
			at += put_slot(at, 1, kind & 128, (uint8_t)(take(input) & 11));
		}
		*at++ = 0xFF;
		if (kind & 8) {
			memcpy(at, "\x6BsplitStatus\x00", 13);
			at += 13;
		}
		break;
	case 5: { /* a board or a name: out of few letters, so that some fit */
		size_t bytes = take(input) % 23;

		memcpy(at, "\x66output", 7);
		at[7] = (uint8_t)(0x60u + bytes);
		for (size_t i = 0; i < bytes; i++) {
			at[8 + i] = (uint8_t) "a/_@b1"[take(input) % 6];
		}
		at += 8 + bytes;
		break;
	}
	default:
		memcpy(at,
		       "\x63"
		       "err\xBF\x65group\x01\x62rc\x18",
		       16);
		at[15] = 0x18;
		at[16] = take(input) & 63;
		at[17] = 0xFF;
		at += 18;
		break;
	}
	*at++ = 0xFF;
	return (size_t)(at - body);
}

/* An answer to one of the outstanding requests, or anything. */
static void receive(struct world *world, struct input *input, uint16_t i)
{
	static const uint8_t what[DFUCAST_SMP_REQUEST_COUNT][3] = {
	    [DFUCAST_SMP_REQUEST_ECHO] = {3, 0, 0},      [DFUCAST_SMP_REQUEST_RESET] = {3, 0, 5},
	    [DFUCAST_SMP_REQUEST_PARAMS] = {1, 0, 6},    [DFUCAST_SMP_REQUEST_BOOTLOADER] = {1, 0, 8},
	    [DFUCAST_SMP_REQUEST_INFO] = {1, 0, 7},      [DFUCAST_SMP_REQUEST_IMG_LIST] = {1, 1, 0},
	    [DFUCAST_SMP_REQUEST_IMG_SET] = {3, 1, 0},   [DFUCAST_SMP_REQUEST_IMG_UPLOAD] = {3, 1, 1},
	    [DFUCAST_SMP_REQUEST_IMG_ERASE] = {3, 1, 5}, [DFUCAST_SMP_REQUEST_IMG_SLOTS] = {1, 1, 6},
	};
	const struct dfucast_smp_client *client = &world->devices[i].client;
	uint8_t frame[600] = {0};
	uint8_t choice = take(input);
	size_t length;

	if (choice & 1 || client->count == 0) {
		length = take(input);
		for (size_t b = 0; b < length; b++) {
			frame[b] = take(input);
		}
	} else {
		const struct dfucast_smp_pending *pending = &client->pending[(choice >> 1) % client->count];

		length = plausible(input, frame + 8);
		if (pending->request == DFUCAST_SMP_REQUEST_IMG_UPLOAD && choice & 0x40) {
			/* The right offset: the way through the whole image. */
			uint32_t offset = pending->offset + (pending->length & 0x7FFFu);

			memcpy(frame + 8, "\xBF\x63off\x19", 6);
			frame[14] = (uint8_t)(offset >> 8);
			frame[15] = (uint8_t)offset;
			frame[16] = 0xFF;
			length = 9;
		}
		frame[0] = (uint8_t)(8u | what[pending->request][0]);
		frame[3] = (uint8_t)length;
		frame[2] = (uint8_t)(length >> 8);
		frame[5] = what[pending->request][1];
		frame[6] = pending->sequence;
		frame[7] = what[pending->request][2];
		length += 8;
	}
	dfucast_cast_recv(&world->cast, world->links[i], frame, length, world->now);
}

static void gone(struct world *world, uint16_t i, enum dfucast_err err)
{
	world->open[i] = false;
	world->asked[i] = 0;
	world->begun[i] = 0;
	dfucast_cast_link_down(&world->cast, world->links[i], err, world->now);
}

static void happen(struct world *world, struct input *input)
{
	uint8_t op = take(input);
	uint16_t i = (op >> 4) % DEVICES;
	struct dfucast_link_info info = {.frame_max = 400, .frame_fallback = 128, .value_max = 400};

	switch (op & 15) {
	case 0: /* what was asked of a link is done */
	case 1:
		if (world->asked[i] == DFUCAST_REQUEST_OPEN + 1) {
			info.flags = take(input) & 15;
			if (info.flags & DFUCAST_LINK_FRAGMENTS) {
				info.value_max = 128;
			}
			world->open[i] = true;
			world->asked[i] = 0;
			dfucast_cast_link_up(&world->cast, world->links[i], &info, world->now);
		} else if (world->asked[i] == DFUCAST_REQUEST_RESYNC + 1) {
			world->asked[i] = 0;
			dfucast_cast_resynced(&world->cast, world->links[i], world->now);
		} else if (world->asked[i] == DFUCAST_REQUEST_CLOSE + 1) {
			gone(world, i, DFUCAST_ERR_OK);
		}
		break;
	case 2:
		if (world->open[i] || world->asked[i] != 0) {
			gone(world, i, (enum dfucast_err)(-32 - (take(input) & 7)));
		}
		break;
	case 3: { /* events of a link that is long gone */
		struct dfucast_link old = world->links[i];

		old.generation = (uint16_t)(old.generation - 1u);
		dfucast_cast_link_down(&world->cast, old, DFUCAST_ERR_LINK_LOST, world->now);
		dfucast_cast_resynced(&world->cast, old, world->now);
		dfucast_cast_recv(&world->cast, old, image, 100, world->now);
		break;
	}
	case 4:
		dfucast_cast_noise(&world->cast, world->links[i], world->now);
		break;
	case 5:
	case 6:
		world->now += take32(input) & 0x3FFF;
		break;
	case 7: {
		uint32_t when;

		if (dfucast_cast_deadline(&world->cast, &when) && (int32_t)(when - world->now) > 0) {
			world->now = when;
		}
		break;
	}
	case 8:
		if (take(input) & 1) {
			dfucast_cast_set_image_verified(&world->cast, world->now);
		}
		break;
	default:
		receive(world, input, i);
		break;
	}
	dfucast_cast_tick(&world->cast, world->now);
}

/* The calls that follow every event, in the order that cast.h gives. */
static void follow(struct world *world, struct input *input, bool all)
{
	struct dfucast_link_request request;
	uint8_t frame[600];
	uint32_t offset;
	uint32_t length;
	unsigned int spins = 0;

	while (dfucast_cast_next_request(&world->cast, &request, world->now)) {
		uint16_t i = request.link.target;

		MUST(++spins < SPIN_MAX);
		MUST(request.kind != DFUCAST_REQUEST_RESYNC || world->begun[i] == 0);
		world->links[i] = request.link;
		world->asked[i] = (uint8_t)(request.kind + 1u);
		if (request.kind == DFUCAST_REQUEST_CLOSE) {
			world->open[i] = false;
			world->begun[i] = 0;
		}
	}
	for (uint16_t i = 0; i < DEVICES; i++) {
		uint8_t how = all ? 3 : take(input);

		while (world->open[i] && world->asked[i] == 0 && (how & 1 || world->begun[i] != 0)) {
			size_t have = dfucast_cast_begin(&world->cast, world->links[i], world->now);

			MUST(have <= 400 && (world->begun[i] == 0 || have == world->begun[i] || have == 0));
			world->begun[i] = have;
			if (have == 0) {
				break;
			}
			dfucast_cast_read(&world->cast, world->links[i], 0, frame, have);
			dfucast_cast_read(&world->cast, world->links[i], have / 2, frame, have - have / 2);
			if (!(how & 2)) {
				break; /* it stays begun for a while */
			}
			world->begun[i] = 0;
			dfucast_cast_sent(&world->cast, world->links[i], world->now);
			MUST(++spins < SPIN_MAX);
		}
	}
	if (dfucast_cast_need(&world->cast, &offset, &length)) {
		MUST(length >= 1 && offset + length <= IMAGE_BYTES);
		MUST(dfucast_cast_feed(&world->cast, offset, image + offset, length, world->now) == length);
	}
	MUST(world->cast.ring.head <= IMAGE_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct input input = {data, size};
	uint8_t options = take(&input);
	uint8_t more = take(&input);
	bool is_set = take(&input) & 1;
	const struct dfucast_update_image second = {.header = image + IMAGE_BYTES - SECOND_BYTES,
						    .sha = second_hash,
						    .hash = second_hash,
						    .hash_bytes = 32,
						    .image_bytes = SECOND_BYTES,
						    .version = {.major = 3},
						    .image = 1};
	struct dfucast_update_boards boards = {0};
	const struct dfucast_version range[2] = {{.major = 1}, {.major = 1, .minor = 2}};
	const struct dfucast_match matches[] = {
	    {.key = DFUCAST_MATCH_BOARD, .value = "a/b", .bytes = 3},
	    {.key = DFUCAST_MATCH_NAME, .value = "a", .bytes = 1, .flags = DFUCAST_MATCH_PREFIX},
	    {.key = DFUCAST_MATCH_RUNNING, .value = range, .flags = DFUCAST_MATCH_LOW | DFUCAST_MATCH_HIGH},
	    {.key = DFUCAST_MATCH_HASH, .value = "\x77\x77", .bytes = 2},
	    {0},
	};
	const struct dfucast_update_plan plan = {
	    .header = image,
	    .sha = image_hash,
	    .hash = image_hash,
	    .hash_bytes = 32,
	    .image_bytes = is_set ? IMAGE_BYTES - SECOND_BYTES : IMAGE_BYTES,
	    .more = is_set ? &second : NULL,
	    .more_count = is_set ? 1 : 0,
	    .set = is_set ? &dfucast_update_set : NULL,
	    .version = {.major = 2},
	    .mode = is_set && (options & 3) == DFUCAST_MODE_TEST_CONFIRM ? DFUCAST_MODE_CONFIRM : options & 3,
	    .fresh = options & 4,
	    .soak_ms = options & 8 ? 3000 : 0,
	    .replace_pending = options & 16,
	    .matcher = &dfucast_update_matcher,
	    .dry_run = (more & 0xC0) == 0xC0,
	    .boards = more & 1 ? &boards : NULL,
	    .matches = more & 2 ? matches : NULL,
	};
	struct dfucast_cast_config config = {
	    .consumer = &dfucast_update_consumer,
	    .plan = &plan,
	    .devices = world.devices,
	    .targets = world.targets,
	    .ring = world.ring,
	    .ring_bytes = sizeof(world.ring),
	    .image_bytes = IMAGE_BYTES,
	    .device_bytes = sizeof(world.devices[0]),
	    .count = DEVICES,
	    .links_max = options & 32 ? 2 : 0,
	    .canary = options & 64 ? 1 : 0,
	    .rewinds = options & 128,
	    .gather_ms = 1000,
	};

	memset(&world, 0, sizeof(world));
	for (uint16_t i = 0; i < DEVICES; i++) {
		world.devices[i].match = (uint16_t)((more >> 2) % (sizeof(matches) / sizeof(matches[0])));
	}
	memset(image_hash, 0x11, sizeof(image_hash));
	memset(second_hash, 0x22, sizeof(second_hash));
	world.now = 0xFFFFC000u;
	dfucast_cast_init(&world.cast, &config);
	if (options & 1) {
		dfucast_cast_set_image_verified(&world.cast, world.now);
	}
	dfucast_cast_start(&world.cast, world.now);
	follow(&world, &input, true);
	while (input.left > 0) {
		happen(&world, &input);
		follow(&world, &input, false);
	}
	dfucast_cast_stop(&world.cast, DFUCAST_ERR_ABORTED, world.now);
	MUST(dfucast_cast_is_done(&world.cast));
	for (unsigned int round = 0; round < 4; round++) {
		follow(&world, &input, true);
		for (uint16_t i = 0; i < DEVICES; i++) {
			if (world.asked[i] != 0) {
				gone(&world, i, DFUCAST_ERR_OK);
			}
		}
	}
	MUST(world.cast.links_open == 0);
	return 0;
}
