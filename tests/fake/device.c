/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <string.h>

#include "clock.h"

const uint8_t fake_advertisement[21] = {2,    0x01, 0x06, 17,   0x07, 0x84, 0xAA, 0x60, 0x74, 0x52, 0x8A,
					0x8B, 0x86, 0xD3, 0x4C, 0xB7, 0x1D, 0x1D, 0xDC, 0x53, 0x8D};

void fake_address(uint16_t device, uint8_t bytes[6])
{
	memset(bytes, 0, 6);
	bytes[0] = (uint8_t)device;
	bytes[1] = (uint8_t)(device >> 8);
	bytes[5] = 0xC0;
}

bool fake_ccc_needs_security(const struct fake_device *device, bool encrypted)
{
	return !encrypted && fake_level_needed(device) > 1;
}

uint8_t fake_level_needed(const struct fake_device *device)
{
	if (device->security == FAKE_PASSKEY)
		return 3;
	return device->security == FAKE_OPEN || device->security == FAKE_SILENT ? 1 : 2;
}

bool fake_pairs(const struct fake_device *device, bool key_right)
{
	return device->security != FAKE_REFUSES && device->security != FAKE_MUTE &&
	       (device->security != FAKE_PASSKEY || key_right);
}

bool fake_is_deaf(const struct fake_device *device, bool encrypted)
{
	return device->security == FAKE_SILENT && !encrypted;
}

bool fake_answer_waits(const struct fake_answer *answer)
{
	return answer->position < answer->length;
}

bool fake_answer_next(struct fake_answer *answer, struct sim_peer *peer, uint32_t now)
{
	if (fake_answer_waits(answer))
		return false;
	answer->position = 0;
	answer->length = sim_peer_answer(peer, answer->bytes, sizeof(answer->bytes), now);
	return answer->length != 0;
}

size_t fake_answer_part(struct fake_answer *answer, uint16_t mtu, const uint8_t **bytes)
{
	size_t part = answer->length - answer->position;

	if (part > mtu - 3u)
		part = mtu - 3u;
	*bytes = answer->bytes + answer->position;
	answer->position += part;
	return part;
}

void fake_devices_tick(const struct fake_device *devices, uint16_t count, uint32_t now)
{
	for (uint16_t i = 0; i < count; i++)
		sim_peer_tick(devices[i].peer, now);
}

void fake_devices_earlier(const struct fake_device *devices, uint16_t count, uint32_t now, uint32_t *next)
{
	uint32_t when;

	for (uint16_t i = 0; i < count; i++) {
		if (sim_peer_deadline(devices[i].peer, &when))
			fake_earlier(now, next, when);
	}
}
