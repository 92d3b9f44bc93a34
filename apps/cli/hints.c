/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to tell people about each error word: what happened, and what to do. docs/errors.md has the same two
 * sentences and the causes; a test compares them.
 */
#define _GNU_SOURCE 1
#include "cli.h"
#include <dfucast/smp_fleet.h>
#include <dfucast/smp_img.h>

struct advice {
	int err;
	const char *what; /* no full stop: more follows */
	const char *hint;
};

static const struct advice advice[] = {
    {DFUCAST_ERR_OK, "nothing went wrong", "Nothing is to be done."},
    {DFUCAST_ERR_ARGUMENT, "an argument is wrong", "Look at the command's --help and correct the argument."},
    {DFUCAST_ERR_STATE, "a call came at the wrong time",
     "Report this as a fault of the program, with the file that --log writes."},
    {DFUCAST_ERR_SPACE, "something does not fit the memory given for it",
     "Shorten the text or the request, or give the program more memory."},
    {DFUCAST_ERR_UNREACHABLE, "the device cannot be reached",
     "Check address and port, that the device is on, and that its SMP server runs."},
    {DFUCAST_ERR_LINK_LOST, "the connection to the device broke",
     "Check cable and power, then run the command again; an interrupted upload goes on where it was."},
    {DFUCAST_ERR_PORT_BUSY, "another program uses the serial port",
     "Close the terminal program or the other dfucast that holds the port (\"fuser -v PORT\" names it)."},
    {DFUCAST_ERR_NO_PERMISSION, "this user may not open the port",
     "Join the group that owns the port (\"sudo usermod -aG GROUP $USER\", often dialout), then log in "
     "again."},
    {DFUCAST_ERR_NO_SUCH_PORT, "there is no such serial port",
     "List the ports with \"dfucast serial:\", and prefer the stable /dev/serial/by-id names."},
    {DFUCAST_ERR_SILENT, "no answer came",
     "Check power, wiring (TX to RX), framing, and that the firmware has an SMP server on this port; then "
     "try a longer --timeout."},
    {DFUCAST_ERR_GARBLED, "bytes came, but no SMP frame among them",
     "Check baud and framing: ?baud=115200, ?framing=console, raw or cobs."},
    {DFUCAST_ERR_NAME_UNKNOWN, "the host name has no address",
     "Check the spelling of the name, or give the address itself."},
    {DFUCAST_ERR_NEEDS_PAIRING, "the device's SMP server answers paired centrals only",
     "Pair with the device: give its passkey, if it shows or has one, or build its firmware without "
     "CONFIG_MCUMGR_TRANSPORT_BT_AUTHEN."},
    {DFUCAST_ERR_NO_SERVICE, "the device has no SMP service over Bluetooth LE",
     "Check that it is the right device, and that its firmware has CONFIG_MCUMGR_TRANSPORT_BT."},
    {DFUCAST_ERR_MALFORMED, "the device's answer cannot be understood",
     "Look at the answer with --trace FILE; the device's firmware may be faulty or very old."},
    {DFUCAST_ERR_REFUSED, "the device refused",
     "Look up the device's group and rc beside this message; they say why."},
    {DFUCAST_ERR_NOT_SUPPORTED, "the device does not have this command",
     "Build the command into its firmware (Kconfig), or do without it."},
    {DFUCAST_ERR_NO_PROGRESS, "the upload does not move on",
     "Reset the device and run the command again; if it happens again, its flash or its server is faulty."},
    {DFUCAST_ERR_FOREIGN_SESSION, "another client is uploading to this device",
     "Stop the other client (a phone app, another computer), then run the command again."},
    {DFUCAST_ERR_IMAGE_TOO_LARGE, "the image does not fit the device's slot",
     "Make the image smaller, or check that it was built for this board's partitions."},
    {DFUCAST_ERR_FOREIGN_TRIAL, "the device runs another image on trial",
     "Confirm that image with \"dfucast image confirm TARGET\", or reset the device so that it reverts."},
    {DFUCAST_ERR_FOREIGN_PENDING, "another image is pending on the device",
     "Reset the device to let that image run, or give --replace-pending."},
    {DFUCAST_ERR_SERIAL_RECOVERY, "the device is in its bootloader's serial recovery",
     "Reset the device with no traffic on its serial port for ten seconds."},
    {DFUCAST_ERR_MODE_UNSUPPORTED, "the bootloader does not start this image in a way that is known here",
     "If you know the mode, name it with --bootloader (\"dfucast bootloader TARGET\" asks for it); else "
     "update it with another tool."},
    {DFUCAST_ERR_NO_WAY_BACK,
     "the bootloader cannot go back to the image that runs, so this device was left alone",
     "Give --allow-no-revert if a bad image may cost the device; try one device first."},
    {DFUCAST_ERR_NOT_KEPT, "the bootloader erased the image: it refused it, or the image started and failed",
     "Check key and slot of the image, then read the device's console while it boots: a crash or a power cut "
     "would show there."},
    {DFUCAST_ERR_SINGLE_SLOT, "the bootloader has one slot, and the image that runs is in it",
     "Put it into serial recovery (a button, or \"dfucast reset TARGET --boot-mode 1\"), then run again with "
     "--bootloader single-slot --allow-no-revert."},
    {DFUCAST_ERR_NOT_IN_LOADER, "the application runs, and an upload would overwrite the firmware loader",
     "Start its firmware loader (a button, or \"dfucast reset TARGET --boot-mode 1\"), then run the command "
     "again."},
    {DFUCAST_ERR_SETTINGS_KEPT, "the device's settings could not be erased, so the new image was not started",
     "Build CONFIG_MCUMGR_GRP_ZBASIC_STORAGE_ERASE into the firmware that runs now, or leave out "
     "--erase-settings."},
    {DFUCAST_ERR_NEVER_RETURNED, "the device did not come back after its reset",
     "Look at the device: power-cycle it, and read its console; MCUboot reverts at a reset."},
    {DFUCAST_ERR_REJECTED, "the bootloader refused the image",
     "Check that the image is signed with the key that is in the device's bootloader, and built for it."},
    {DFUCAST_ERR_REVERTED, "the new image ran, and the device went back to the old one",
     "Find out why the new image reset itself or was not confirmed in time; its console tells."},
    {DFUCAST_ERR_STATE_CHANGED, "the device's images changed while it waited",
     "See who else works on the device, then run the command again."},
    {DFUCAST_ERR_NOT_LISTED, "the uploaded image is not in the device's slot",
     "Run the command again with --fresh; if it happens again, the device's flash may be faulty."},
    {DFUCAST_ERR_NOT_CONFIRMED, "the image runs but is not confirmed",
     "Run \"dfucast image confirm TARGET\"; without that, the next reset goes back to the old image."},
    {DFUCAST_ERR_BUFFER_TOO_SMALL, "the device's buffers are too small for an upload",
     "Enlarge its buffers: CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE, or the MTU."},
    {DFUCAST_ERR_ARMED, "somebody has marked this image to start and stay, with no way back",
     "Give --mode confirm to go on with that, or --fresh to erase the slot and begin anew."},
    {DFUCAST_ERR_UPLOAD_MISMATCH, "what the device wrote is not the file that was sent",
     "Run the command again with --fresh."},
    {DFUCAST_ERR_NO_SUCH_IMAGE, "the device has no image of this number",
     "Take the package that was built for this device's firmware; one built for a single image updates image "
     "0 only."},
    {DFUCAST_ERR_SET_TORN, "the device runs only some of the images that belong together",
     "Look at it with \"dfucast image list TARGET\", find out why the bootloader refused one, and run the "
     "command again "
     "with a good package at once."},
    {DFUCAST_ERR_IMAGE_MAGIC, "the file is not an MCUboot image",
     "Give the signed binary, often zephyr.signed.bin, or dfu_application.zip; not the .elf, the .hex or the "
     "unsigned .bin."},
    {DFUCAST_ERR_IMAGE_TRUNCATED, "the image file ends too early", "Copy or build the file again."},
    {DFUCAST_ERR_IMAGE_TLV, "the image's TLV area is broken", "Sign the image again with imgtool."},
    {DFUCAST_ERR_IMAGE_HASH, "the image's content does not match its hash",
     "Copy or build the file again; it was changed after it was signed."},
    {DFUCAST_ERR_IMAGE_UNCHECKED, "the image's hash cannot be checked here",
     "Rely on the device's bootloader for this image, which checks it before it starts it."},
    {DFUCAST_ERR_WRONG_BOARD, "the image is for another board",
     "Give the image that was built for this board, or narrow the targets with --match."},
    {DFUCAST_ERR_NO_MATCH, "the device is not one of those that --match asks for",
     "Nothing is to be done, or mend --match: \"dfucast inventory\" shows what the device tells of itself."},
    {DFUCAST_ERR_BOARD_UNTOLD, "the device does not tell its board, so this image was kept from it",
     "Build CONFIG_MCUMGR_GRP_OS_INFO into its firmware; or, once sure of its board, leave out --match "
     "board= for "
     "it."},
    {DFUCAST_ERR_BOARDS_DIFFER, "the targets are different boards, and one image cannot fit them all",
     "Run once for each board, each time with its image and --match board=BOARD."},
    {DFUCAST_ERR_IMAGE_SIGNATURE, "the image is not signed with the key that was given",
     "Sign it with that key (imgtool sign --key), or give the key it was signed with; devices would refuse "
     "it."},
    {DFUCAST_ERR_DOWNGRADE, "the image is older than the one that runs",
     "Give --allow-downgrade if that is what you want."},
    {DFUCAST_ERR_IMAGE_READ, "the image file cannot be read",
     "Check the path and its permissions; it must be a file, not a directory."},
    {DFUCAST_ERR_NOT_NEWER,
     "the bootloader starts the highest version, and this image is not higher than the one that runs",
     "Build the image with a higher version (major, minor or revision)."},
    {DFUCAST_ERR_WRONG_SLOT, "the image is linked for another slot than the one it would run from",
     "Give the image that is built for the other slot (\"dfucast image list TARGET\" shows which one runs)."},
    {DFUCAST_ERR_SLOT_NEEDED, "nothing tells which slot the image is linked for",
     "Say which one it is with --slot N, or sign the image with imgtool's --rom-fixed ADDRESS."},
    {DFUCAST_ERR_IMAGE_KIND,
     "the image is built to run from RAM and the bootloader starts images in flash, or the other way round",
     "Build the image for this device's bootloader mode (imgtool: --load-addr for RAM load, none of it "
     "otherwise)."},
    {DFUCAST_ERR_IMAGE_UNPROVEN,
     "the image's hash was not proven before the run, and the device has no other image to fall back to",
     "Update this device without a gateway, with an image whose SHA-256 can be checked."},
    {DFUCAST_ERR_HELD_BARRIER, "too few devices were ready, so none was activated",
     "Look at the devices that did not get ready, or give a lower --barrier."},
    {DFUCAST_ERR_HELD_MAX_FAILED, "too many devices failed, so this one was not activated",
     "Look at the failed devices first; raise --max-failed only if their trouble is their own."},
    {DFUCAST_ERR_BEHIND, "the device was too slow, and the source could not go back for it",
     "Run the command again for this device alone."},
    {DFUCAST_ERR_DEADLINE, "the deadline passed", "Give a later --deadline, or fewer devices."},
    {DFUCAST_ERR_ABORTED, "the run was stopped",
     "Run the same command again; it goes on from what each device holds."},
};

/* Codes of the device's own that ask for something more than the error word does. */
static const struct {
	uint16_t group;
	uint16_t rc;
	const char *hint;
} device_advice[] = {
    {DFUCAST_GROUP_NONE, DFUCAST_SMP_RC_NO_MEMORY,
     "Send fewer requests at once (--window 1), or give it more buffers."},
    {DFUCAST_GROUP_NONE, DFUCAST_SMP_RC_INVALID,
     "Check the arguments: the device did not accept a value or a key."},
    {DFUCAST_GROUP_NONE, DFUCAST_SMP_RC_BAD_STATE,
     "Look at \"dfucast image list TARGET\": confirm or reset first, then try again."},
    {DFUCAST_GROUP_NONE, DFUCAST_SMP_RC_TOO_LONG,
     "Send less: the answer does not fit the device's buffer (\"dfucast params TARGET\" tells its size)."},
    {DFUCAST_GROUP_NONE, DFUCAST_SMP_RC_BUSY, "Wait a moment and try again; a reset may need --force."},
    {DFUCAST_GROUP_NONE, DFUCAST_SMP_RC_ACCESS_DENIED, "The firmware forbids this; unlock it there first."},
    {DFUCAST_SMP_GROUP_OS, 4, "Set the clock first: \"dfucast datetime TARGET --set 2026-01-31T12:00:00\"."},
    {DFUCAST_SMP_GROUP_IMG, 8,
     "Give a hash from \"dfucast image list TARGET\" (not the SHA-256 of the file)."},
    {DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_RC_NO_FREE_SLOT,
     "The slot is in use: confirm the running image or reset the device first."},
    {DFUCAST_SMP_GROUP_IMG, 24, "Give the whole hash from \"dfucast image list TARGET\"."},
    {DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_RC_BAD_ADDRESS,
     "Give the image that is built for the other slot (\"dfucast image list TARGET\" shows which one runs)."},
    {DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_RC_ALREADY_PENDING,
     "Another image is pending: reset the device to let it run first."},
    {DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_RC_IMAGE_TOO_LARGE,
     "Make the image smaller, or check that it was built for this board's partitions."},
    {DFUCAST_SMP_GROUP_IMG, 32,
     "The firmware refuses to be confirmed, or to make another image than 0 permanent "
     "(CONFIG_MCUMGR_GRP_IMG_ALLOW_CONFIRM_NON_ACTIVE_IMAGE_SECONDARY)."},
    {DFUCAST_SMP_GROUP_IMG, DFUCAST_SMP_IMG_RC_TEST_OF_ACTIVE,
     "That image runs already; to keep it, use \"dfucast image confirm TARGET\"."},
    {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_NO_TARGET,
     "Name a device as the gateway does: \"dfucast scan --via GATEWAY\" lists them."},
    {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_BAD_PLAN,
     "Check the options: the gateway takes no such value, or not so many targets."},
    {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_STATE,
     "The gateway is at work on another image: wait for its end and run the command again."},
    {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_DISOBEYED,
     "Tell the gateway that this host does not follow its offsets (forward-only)."},
    {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_IMAGE,
     "Check the file with \"dfucast image inspect\": what arrived is not what was announced."},
    {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_HOST_BYTES,
     "Raise the plan's limit of bytes, or update fewer targets at once."},
    {DFUCAST_SMP_GROUP_FLEET, DFUCAST_SMP_FLEET_RC_MATCH,
     "The gateway has room for less --match and match=: give fewer or shorter ones, or run once for each "
     "kind of "
     "target."},
};

const char *what_for(int err)
{
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		if (advice[i].err == err)
			return advice[i].what;
	}
	return "something went wrong that has no word";
}

const char *hint_for(int err)
{
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		if (advice[i].err == err)
			return advice[i].hint;
	}
	return "Report this as a fault of the program.";
}

const char *hint_for_device(uint16_t group, uint16_t rc)
{
	for (size_t i = 0; i < sizeof(device_advice) / sizeof(device_advice[0]); i++) {
		if (device_advice[i].group == group && device_advice[i].rc == rc)
			return device_advice[i].hint;
	}
	return NULL;
}
