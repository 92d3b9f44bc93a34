# SPDX-License-Identifier: Apache-2.0
# Bare-metal programs for the MPS2 board (ports/mps2, QEMU's mps2-an386).

include(${PROJECT_SOURCE_DIR}/cmake/libsodium.cmake)

list(TRANSFORM DFUCAST_PORT_MPS2_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE mps2_sources)
add_library(dfucast_mps2 OBJECT ${mps2_sources})
target_include_directories(dfucast_mps2 PUBLIC ${PROJECT_SOURCE_DIR}/ports/mps2)
target_link_libraries(dfucast_mps2 PUBLIC dfucast dfucast_libsodium)
target_compile_options(dfucast_mps2 PRIVATE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
dfucast_warnings(dfucast_mps2)

# dfucast_mps2_firmware(NAME SOURCE…): NAME.elf, with its map beside it. Of the C library: the memory functions.
function(dfucast_mps2_firmware name)
  set(script ${PROJECT_SOURCE_DIR}/ports/mps2/mps2.ld)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE dfucast_mps2)
  target_link_options(${name} PRIVATE --specs=nano.specs -nostartfiles -Wl,--gc-sections -Wl,-T,${script}
                      -Wl,-Map,$<TARGET_FILE:${name}>.map)
  set_target_properties(${name} PROPERTIES SUFFIX .elf LINK_DEPENDS ${script})
  target_compile_options(${name} PRIVATE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
  dfucast_warnings(${name})
  add_custom_command(TARGET ${name} POST_BUILD COMMAND ${CMAKE_SIZE} $<TARGET_FILE:${name}>)
endfunction()
