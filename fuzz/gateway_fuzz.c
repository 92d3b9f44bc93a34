/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * libFuzzer: a gateway of three targets between a host and devices that the input drives: any bytes and plausible
 * requests from the host, uploads that obey and that do not, links that come and go, answers that fit and that do not,
 * time in jumps. No assert of ours may fail, nothing may loop, what is answered is a whole frame, and nobody is activated
 * by an image that was not proven.
 */
#include <dfucast/gateway.h>
#include <dfucast/port.h>

#include <stdlib.h>
#include <string.h>

#define TARGETS 3u
#define IMAGE_BYTES 3000u
#define HEADER_BYTES 32u
#define TLV_BYTES 40u
#define BUF_SIZE 300u
#define SPIN_MAX 300u

#define MUST(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void dfucast_port_assert_failed(const char *file, int line)
{
	(void)file;
	(void)line;
	abort(); /* no byte of a host or a device and no order of events may get here */
}

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

/* A hash that is none, and does for this: the sum of what it was fed, in every byte. */
static uint32_t sums_of_hashes[2];

static bool hash_start(void *context)
{
	*(uint32_t *)context = 0;
	return true;
}

static bool hash_update(void *context, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		*(uint32_t *)context = *(uint32_t *)context * 31u + bytes[i];
	}
	return true;
}

static bool hash_finish(void *context, uint8_t digest[32])
{
	memset(digest, (int)(*(uint32_t *)context % 251u), 32);
	return true;
}

static bool resolve(void *context, const struct dfucast_smp_fleet_target *wanted,
		    struct dfucast_gateway_target *target)
{
	(void)context;
	target->address[0] =
	    wanted->id.length > 0 ? (uint8_t)((unsigned char)wanted->id.text[0] % (TARGETS + 1u)) : TARGETS;
	return target->address[0] < TARGETS;
}

static size_t name(void *context, const struct dfucast_gateway_target *target, char *text, size_t capacity)
{
	(void)context;
	MUST(capacity >= 1);
	text[0] = (char)('0' + target->address[0]);
	return 1;
}

static size_t local_smp(void *context, const uint8_t *frame, size_t length, uint8_t *answer, size_t capacity)
{
	(void)context;
	length = length < capacity ? length : capacity;
	memcpy(answer, frame, length);
	return length;
}

struct world {
	struct dfucast_gateway gateway;
	struct dfucast_update devices[TARGETS];
	struct dfucast_cast_target cast_targets[TARGETS];
	struct dfucast_gateway_target targets[TARGETS];
	struct dfucast_gateway_target defaults[TARGETS];
	struct dfucast_smp_fleet_event log[8];
	struct dfucast_gateway_port port;
	struct dfucast_link links[TARGETS];
	size_t begun[TARGETS];
	uint8_t asked[TARGETS]; /* enum dfucast_request_kind + 1, 0: nothing outstanding */
	bool open[TARGETS];
	uint8_t ring[1400];
	uint8_t answer[400];
	uint8_t relay[128];
	struct dfucast_match match[8]; /* less than plans ask for */
	struct dfucast_gateway_board boards[TARGETS];
	uint32_t sums[DFUCAST_GATEWAY_SUMS_MIN];
	uint32_t wanted; /* as last answered */
	uint32_t now;
	uint8_t sequence;
};

static uint8_t image[IMAGE_BYTES];

static void make_image(void)
{
	static const uint8_t header[] = {0x3D, 0xB8, 0xF3, 0x96, 0, 0, 0, 0, HEADER_BYTES};
	static const uint8_t tlv[] = {0x07, 0x69, TLV_BYTES, 0, 0x10, 0, 32, 0};
	uint32_t end = IMAGE_BYTES - TLV_BYTES;
	uint32_t sum = 0;

	memcpy(image, header, sizeof(header));
	image[12] = (uint8_t)(end - HEADER_BYTES);
	image[13] = (uint8_t)((end - HEADER_BYTES) >> 8);
	image[20] = 2;
	for (uint32_t i = HEADER_BYTES; i < end; i++) {
		image[i] = (uint8_t)(i * 7u);
	}
	memcpy(image + end, tlv, sizeof(tlv));
	(void)hash_update(&sum, image, end);
	(void)hash_finish(&sum, image + IMAGE_BYTES - 32);
}

/* ---- the host ---- */

static void host_sends(struct world *world, const uint8_t *frame, size_t length)
{
	dfucast_gateway_recv(&world->gateway, frame, length, world->now);
}

static void host_upload(struct world *world, struct input *input)
{
	uint8_t how = take(input);
	uint8_t frame[BUF_SIZE + 64];
	struct dfucast_smp_upload upload = {
	    .offset = how & 1 ? world->wanted : (uint32_t)take(input) * 16u,
	    .image_length = IMAGE_BYTES,
	    .image = how & 2 ? 1 : 0,
	    .data_bytes = (uint16_t)(1 + take(input)),
	};

	if (how & 4) {
		upload.offset = 0;
		upload.data_bytes = 64;
	}
	if (upload.offset >= IMAGE_BYTES) {
		upload.offset = IMAGE_BYTES - 1;
	}
	if (upload.data_bytes > IMAGE_BYTES - upload.offset) {
		upload.data_bytes = (uint16_t)(IMAGE_BYTES - upload.offset);
	}
	int head = dfucast_smp_upload_head_encode(frame, sizeof(frame),
						  (struct dfucast_smp_id){1, world->sequence++}, &upload);

	MUST(head > 0);
	memcpy(frame + head, image + upload.offset, upload.data_bytes);
	if ((how & 0xF8) == 0x08) {
		frame[head] ^= 1; /* other bytes than those of the image */
	}
	host_sends(world, frame, (size_t)head + upload.data_bytes);
}

/* A list of up to three lines, which may make no sense. */
#define LINES_MAX 4u

static const struct dfucast_match *some_match(struct input *input, struct dfucast_match *list)
{
	static const struct dfucast_version range[2] = {{1, 0, 0, 0}, {3, 0, 0, 7}};
	static const char text[] = "nrf52840dk/nrf52840";
	unsigned int lines = take(input) % LINES_MAX;

	for (unsigned int i = 0; i < lines; i++) {
		uint8_t key = take(input) % 6;

		list[i] = (struct dfucast_match){
		    .value = key == DFUCAST_MATCH_RUNNING ? (const void *)range : (const void *)text,
		    .key = key,
		    .flags = take(input),
		    .bytes = key == DFUCAST_MATCH_RUNNING ? 0 : take(input) % sizeof(text),
		};
	}
	list[lines] = (struct dfucast_match){.key = DFUCAST_MATCH_END};
	return list;
}

static void host_plan(struct world *world, struct input *input)
{
	static const char *const names[] = {"0", "1", "2", "3", "0"};
	struct dfucast_match lists[6][LINES_MAX];
	struct dfucast_smp_fleet_target targets[5];
	uint8_t how = take(input);
	uint8_t frame[BUF_SIZE];
	uint8_t sha[32];
	uint32_t sum = 0;
	size_t written;

	(void)hash_update(&sum, image, IMAGE_BYTES);
	(void)hash_finish(&sum, sha);
	struct dfucast_smp_fleet_plan plan = {
	    .at = how & 1 ? take(input) & 3 : 0,
	    .mode = take(input) % 5,
	    .flags = take(input),
	    .canary = take(input) & 1,
	    .barrier = take(input) & 1,
	    .passes_max = how & 2 ? 1 : 0,
	    .image_bytes = IMAGE_BYTES,
	    .header = how & 4 ? image : NULL,
	    .header_bytes = HEADER_BYTES,
	    .hash = how & 8 ? image + IMAGE_BYTES - 32 : NULL,
	    .hash_bytes = 32,
	    .sha = how & 16 ? sha : NULL,
	    .sha_bytes = 32,
	    .match = how & 32 ? some_match(input, lists[0]) : NULL,
	};

	for (unsigned int i = 0; i < 5; i++) {
		targets[i] = (struct dfucast_smp_fleet_target){
		    .id = {names[i], 1},
		    .match = how & 64 ? some_match(input, lists[1 + i]) : NULL,
		    .passkey = DFUCAST_SMP_FLEET_NO_PASSKEY};
	}
	int length =
	    dfucast_smp_fleet_plan_encode(frame, sizeof(frame), (struct dfucast_smp_id){1, world->sequence++},
					  &plan, targets, take(input) % 6u, &written);

	MUST(length > 0 || plan.match != NULL); /* its list may be too long for the frame */
	if (length > 0) {
		host_sends(world, frame, (size_t)length);
	}
}

static void host_short(struct world *world, struct input *input)
{
	uint8_t which = take(input);
	struct dfucast_smp_id id = {which & 0x80 ? 1 : 0, world->sequence++};
	uint8_t frame[BUF_SIZE];
	struct dfucast_smp_fleet_relay relay = {
	    .id = {which & 1 ? "1" : "2", 1}, .frame = frame + 200, .frame_bytes = 9};
	int length;

	switch (which % 7) {
	case 0:
		length = dfucast_smp_image_list_encode(frame, sizeof(frame), id);
		break;
	case 1:
		length = dfucast_smp_image_set_encode(frame, sizeof(frame), id, image + IMAGE_BYTES - 32,
						      which & 8 ? 32 : 0, which & 16);
		break;
	case 2:
		length = dfucast_smp_reset_encode(frame, sizeof(frame), id, false, -1);
		break;
	case 3:
		length = dfucast_smp_fleet_command_encode(
		    frame, sizeof(frame), id, (enum dfucast_smp_fleet_command)(3 + take(input) % 5));
		break;
	case 4:
		length = dfucast_smp_fleet_read_encode(frame, sizeof(frame), id,
						       (enum dfucast_smp_fleet_command)(8 + take(input) % 3),
						       take(input));
		break;
	case 5: /* an echo, or a reset, to one target */
		memcpy(frame + 200,
		       which & 8 ? "\x0A\x00\x00\x01\x00\x00\x07\x05\xA0"
				 : "\x08\x00\x00\x01\x00\x01\x07\x00\xA0",
		       9);
		length = dfucast_smp_fleet_relay_encode(frame, 200, id, &relay);
		break;
	default:
		length = dfucast_smp_image_erase_encode(frame, sizeof(frame), id, (take(input) & 3) - 1);
		break;
	}
	MUST(length > 0);
	host_sends(world, frame, (size_t)length);
}

static void host_noise(struct world *world, struct input *input)
{
	uint8_t frame[BUF_SIZE];
	size_t length = take(input);

	for (size_t i = 0; i < length; i++) {
		frame[i] = take(input);
	}
	host_sends(world, frame, length);
}

static void host_hears(struct world *world)
{
	const struct dfucast_frame_source source = dfucast_gateway_frame_source(&world->gateway);
	size_t length = source.begin(source.context);
	struct dfucast_smp_upload_answer answer;
	struct dfucast_smp_header header;
	struct dfucast_smp_error error;
	uint8_t frame[400];

	if (length == 0) {
		return;
	}
	MUST(length >= DFUCAST_SMP_HEADER_BYTES && length <= sizeof(frame));
	source.read(source.context, 0, frame, length);
	source.done(source.context);
	dfucast_smp_header_decode(&header, frame);
	if (header.group == DFUCAST_SMP_GROUP_IMG && header.command == DFUCAST_SMP_IMG_UPLOAD &&
	    header.op == 3 && dfucast_smp_upload_decode(frame + 8, length - 8, &error, &answer) == 0 &&
	    error.rc == 0 && answer.has_offset) {
		MUST(answer.offset <= IMAGE_BYTES);
		world->wanted = answer.offset;
	}
}

/* ---- the devices ---- */

static size_t slot(uint8_t *at, bool ours, uint8_t number, uint8_t flags)
{
	static const char *const keys[] = {"pending", "confirmed", "active", "permanent"};
	uint8_t *from = at;

	memcpy(at,
	       "\xBF\x64slot\x00\x67version\x65"
	       "1.0.0\x64hash\x58\x20",
	       28);
	at[6] = number;
	at += 28;
	memcpy(at, image + IMAGE_BYTES - 32, 32);
	at[0] = ours ? at[0] : (uint8_t)~at[0];
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

static size_t body_for(struct input *input, const struct dfucast_smp_pending *pending, uint8_t *body)
{
	uint8_t choice = take(input);
	uint8_t *at = body;

	*at++ = 0xBF;
	if (pending->request == DFUCAST_SMP_REQUEST_IMG_UPLOAD) {
		uint32_t offset =
		    choice & 3 ? pending->offset + (pending->length & 0x7FFFu) : (uint32_t)take(input) * 12u;

		memcpy(at, "\x63off\x19", 5);
		at[5] = (uint8_t)(offset >> 8);
		at[6] = (uint8_t)offset;
		at += 7;
	} else if (pending->request == DFUCAST_SMP_REQUEST_IMG_LIST) {
		memcpy(at, "\x66images\x9F", 8);
		at += 8;
		at += slot(at, choice & 1, 0, (uint8_t)(4 | (choice & 2)));
		if (choice & 4) {
			at += slot(at, choice & 8, 1, choice >> 4 & 11);
		}
		memcpy(at, "\xFF\x6BsplitStatus\x00", 14);
		at += 14;
	} else if (choice & 1) {
		memcpy(at, "\x62rc", 3);
		at[3] = choice >> 1 & 15;
		at += 4;
	}
	*at++ = 0xFF;
	return (size_t)(at - body);
}

static void device_answers(struct world *world, struct input *input, uint16_t i)
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
	size_t length = 1;

	if (client->count == 0) {
		/* Perhaps the relayed frame's answer: its number is in the gateway's own memory. */
		frame[0] = (uint8_t)(world->relay[0] + 1u);
		memcpy(frame + 4, world->relay + 4, 4);
		frame[8] = 0xA0;
	} else {
		const struct dfucast_smp_pending *pending = &client->pending[take(input) % client->count];

		length = body_for(input, pending, frame + 8);
		frame[0] = (uint8_t)(8u | what[pending->request][0]);
		frame[5] = what[pending->request][1];
		frame[6] = pending->sequence;
		frame[7] = what[pending->request][2];
	}
	frame[2] = (uint8_t)(length >> 8);
	frame[3] = (uint8_t)length;
	dfucast_cast_recv(dfucast_gateway_cast(&world->gateway), world->links[i], frame, length + 8,
			  world->now);
}

static void link_gone(struct world *world, uint16_t i, enum dfucast_err err)
{
	world->open[i] = false;
	world->asked[i] = 0;
	world->begun[i] = 0;
	dfucast_cast_link_down(dfucast_gateway_cast(&world->gateway), world->links[i], err, world->now);
}

static void link_event(struct world *world, struct input *input, uint16_t i)
{
	struct dfucast_cast *cast = dfucast_gateway_cast(&world->gateway);
	struct dfucast_link_info info = {.frame_max = 300, .frame_fallback = 200, .value_max = 300};
	uint8_t how = take(input);

	if ((how & 15) == 0 && (world->open[i] || world->asked[i] != 0)) {
		link_gone(world, i, DFUCAST_ERR_LINK_LOST);
	} else if (world->asked[i] == DFUCAST_REQUEST_OPEN + 1) {
		info.flags = how & 15;
		world->open[i] = true;
		world->asked[i] = 0;
		dfucast_cast_link_up(cast, world->links[i], &info, world->now);
	} else if (world->asked[i] == DFUCAST_REQUEST_RESYNC + 1) {
		world->asked[i] = 0;
		dfucast_cast_resynced(cast, world->links[i], world->now);
	} else if (world->asked[i] == DFUCAST_REQUEST_CLOSE + 1) {
		link_gone(world, i, DFUCAST_ERR_OK);
	}
}

/* ---- the port ---- */

static void serve(struct world *world, struct input *input)
{
	struct dfucast_cast *cast = dfucast_gateway_cast(&world->gateway);
	struct dfucast_link_request request;
	uint8_t frame[600];
	unsigned int spins = 0;

	dfucast_gateway_run(&world->gateway, world->now);
	while (dfucast_cast_next_request(cast, &request, world->now)) {
		uint16_t i = request.link.target;

		MUST(++spins < SPIN_MAX && i < TARGETS);
		world->links[i] = request.link;
		world->asked[i] = (uint8_t)(request.kind + 1u);
		if (request.kind == DFUCAST_REQUEST_CLOSE) {
			world->open[i] = false;
			world->begun[i] = 0;
		}
	}
	for (uint16_t i = 0; i < TARGETS; i++) {
		bool slow = (take(input) & 7) == 0;

		while (world->open[i] && world->asked[i] == 0) {
			size_t have = dfucast_cast_begin(cast, world->links[i], world->now);

			MUST(have <= 300 && (world->begun[i] == 0 || have == world->begun[i] || have == 0));
			world->begun[i] = have;
			if (have == 0 || slow) {
				break;
			}
			dfucast_cast_read(cast, world->links[i], 0, frame, have);
			world->begun[i] = 0;
			dfucast_cast_sent(cast, world->links[i], world->now);
			MUST(++spins < SPIN_MAX);
		}
	}
	/* Whatever the host did: nobody is told to start an image that is not wholly proven. */
	for (uint16_t i = 0; i < cast->config.count; i++) {
		struct dfucast_status status;

		dfucast_cast_status(cast, i, &status);
		MUST(status.state != DFUCAST_STATE_TESTING || cast->image_verified);
	}
}

static void happen(struct world *world, struct input *input)
{
	uint8_t op = take(input);
	uint16_t i = (op >> 4) % TARGETS;
	uint32_t when;

	switch (op & 15) {
	case 0:
		host_noise(world, input);
		break;
	case 1:
		host_plan(world, input);
		break;
	case 2:
	case 3:
		host_short(world, input);
		break;
	case 4:
		if (dfucast_gateway_deadline(&world->gateway, &when) && (int32_t)(when - world->now) > 0) {
			world->now = when;
		}
		break;
	case 5:
		world->now += (uint32_t)take(input) * 100u;
		break;
	case 6:
	case 7:
	case 8:
		link_event(world, input, i);
		break;
	case 9:
	case 10:
	case 11:
		if (world->open[i]) {
			device_answers(world, input, i);
		}
		break;
	default:
		host_upload(world, input);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct input input = {data, size};
	uint8_t options = take(&input);

	memset(&world, 0, sizeof(world));
	make_image();
	for (uint8_t i = 0; i < TARGETS; i++) {
		world.defaults[i].address[0] = i;
	}
	world.port = (struct dfucast_gateway_port){
	    .resolve = resolve, .name = name, .local_smp = options & 1 ? local_smp : NULL};
	const struct dfucast_gateway_config config = {
	    .cast = {.devices = world.devices,
		     .device_bytes = sizeof(world.devices[0]),
		     .targets = world.cast_targets,
		     .ring = world.ring,
		     .ring_bytes = sizeof(world.ring),
		     .count = TARGETS,
		     .links_max = options & 2 ? 2 : 0,
		     .canary = options & 4 ? 1 : 0,
		     .gather_ms = 1000},
	    .targets = world.targets,
	    .defaults = world.defaults,
	    .default_count = options & 8 ? 2 : TARGETS,
	    .mixed = options & 16,
	    .forward_only = options & 32,
	    .port = &world.port,
	    .file = {&sums_of_hashes[0], hash_start, hash_update, hash_finish},
	    .content = {&sums_of_hashes[1], hash_start, hash_update, hash_finish},
	    .sums = world.sums,
	    .sum_count = DFUCAST_GATEWAY_SUMS_MIN,
	    .answer = world.answer,
	    .answer_bytes = sizeof(world.answer),
	    .buf_size = BUF_SIZE,
	    .match = world.match,
	    .match_bytes = sizeof(world.match),
	    .boards = world.boards,
	    .relay = world.relay,
	    .relay_bytes = sizeof(world.relay),
	    .log = world.log,
	    .log_count = 8,
	};

	dfucast_gateway_init(&world.gateway, &config);
	for (unsigned int events = 0; input.left > 0 && events < 2000; events++) {
		happen(&world, &input);
		serve(&world, &input);
		host_hears(&world);
	}
	return 0;
}
