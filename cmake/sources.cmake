# SPDX-License-Identifier: Apache-2.0
# The core's sources, listed once: one path a line, from the top of the tree. Nothing but set() and paths is in
# this file, so that any other build system can read it too:
#
#     sed -n 's/^ *\(src\/.*\.c\)$/\1/p' cmake/sources.cmake
#
# Include paths: include/ and zcbor's include/. No definitions are needed.

set(DFUCAST_CORE_SOURCES
  src/util/err.c
  src/util/crc16.c
  src/framing/framing.c
  src/framing/console.c
  src/framing/cobs.c
  src/framing/raw.c
  src/ble/fragment.c
  src/image/version.c
  src/image/parse.c
  src/image/digest.c
  src/smp/header.c
  src/smp/client.c
  src/smp/body.c
  src/smp/error.c
  src/smp/error_name.c
  src/smp/os.c
  src/smp/os_taskstat.c
  src/smp/img_list.c
  src/smp/img_upload.c
  src/smp/img_slots.c
  src/smp/raw.c
  src/smp/write.c
  src/smp/server.c
  src/smp/fleet_plan.c
  src/smp/fleet_pages.c
  src/update/machine.c
  src/update/inspect.c
  src/update/request.c
  src/update/answer.c
  src/update/upload.c
  src/update/match.c
  src/update/names.c
  src/cast/cast.c
  src/cast/gate.c
  src/cast/ring.c
  src/cast/stream.c
  src/cast/names.c
  src/cast/outlet.c
  src/gateway/gateway.c
  src/gateway/source.c
  src/gateway/session.c
  src/gateway/images.c
  src/gateway/fleet.c
)

set(DFUCAST_PORT_LINUX_SOURCES
  ports/linux/target.c
  ports/linux/link.c
  ports/linux/link_udp.c
  ports/linux/link_stream.c
  ports/linux/hash.c
  ports/linux/runner.c
)

set(DFUCAST_CLI_SOURCES
  apps/cli/main.c
  apps/cli/cmd_os.c
  apps/cli/cmd_image.c
  apps/cli/cmd_inspect.c
  apps/cli/cmd_raw.c
  apps/cli/cmd_inventory.c
  apps/cli/cmd_update.c
  apps/cli/update_options.c
  apps/cli/update_match.c
  apps/cli/update_report.c
  apps/cli/update_sim.c
  apps/cli/cmd_demo.c
  apps/cli/cmd_sim.c
  apps/cli/serve_pty.c
  apps/cli/serve_udp.c
  apps/cli/report_html.c
  apps/cli/report_page.c
  apps/cli/package.c
  apps/cli/usage.c
  apps/cli/hints.c
  apps/cli/session.c
  apps/cli/json_cbor.c
  apps/cli/output.c
  apps/cli/trace.c
)

set(DFUCAST_PORT_NULL_SOURCES
  ports/null/port.c
)

set(DFUCAST_PORT_MPS2_SOURCES
  ports/mps2/startup.c
  ports/mps2/system.c
  ports/mps2/uart.c
  ports/mps2/link.c
  ports/mps2/hash.c
)
