# SPDX-License-Identifier: Apache-2.0
# ports/zephyr and apps/gateway_zephyr without Zephyr: with the declarations of tests/fake/zephyr, the application's own .conf
# files and the defaults of its Kconfig files.

# Writes `name` = `value` as Kconfig's header has it. Definitions on the command line come first.
function(dfucast_zephyr_option name value)
  if(value STREQUAL "y")
    set(value 1)
  endif()
  if(NOT value STREQUAL "n")
    file(APPEND ${header} "#ifndef CONFIG_${name}\n#define CONFIG_${name} ${value}\n#endif\n")
  endif()
endfunction()

# dfucast_zephyr_header(VARIANT PATH): Kconfig's header, for `old` or `new`, to be included before all else.
function(dfucast_zephyr_header variant header)
  set(app ${PROJECT_SOURCE_DIR}/apps/gateway_zephyr)
  file(WRITE ${header} "/* Made by cmake/zephyr.cmake. */\n")
  foreach(conf ${app}/prj.conf ${app}/${variant}.conf)
    file(STRINGS ${conf} lines REGEX "^CONFIG_")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "^CONFIG_([A-Z0-9_]+)=(.*)$" matched "${line}")
      dfucast_zephyr_option(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
    endforeach()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${conf})
  endforeach()
  # A number, text or y; or a choice's default, the name of another option.
  foreach(kconfig ${PROJECT_SOURCE_DIR}/zephyr/Kconfig ${app}/Kconfig)
    file(STRINGS ${kconfig} lines REGEX "^(menu)?config |^\tdefault ")
    foreach(line IN LISTS lines)
      if(line MATCHES "config ([A-Z0-9_]+)$")
        set(option ${CMAKE_MATCH_1})
      elseif(line MATCHES "default ([A-Z][A-Z0-9_]+)$")
        dfucast_zephyr_option(${CMAKE_MATCH_1} y)
      elseif(line MATCHES "default (.+)$")
        dfucast_zephyr_option(${option} "${CMAKE_MATCH_1}")
      endif()
    endforeach()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${kconfig})
  endforeach()
endfunction()

# dfucast_zephyr_surroundings(TARGET VARIANT): what a source of the port's needs, `old` (3.2, TinyCrypt) or `new` (4.0, PSA).
function(dfucast_zephyr_surroundings target variant)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/zephyr_${variant}/autoconf.h)
  dfucast_zephyr_header(${variant} ${header})
  target_compile_options(${target} PRIVATE -include ${header})
  target_compile_definitions(${target} PRIVATE DFUCAST_VERSION="${PROJECT_VERSION}")
  set(fake ${PROJECT_SOURCE_DIR}/tests/fake/zephyr)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/ports/zephyr ${fake}/api ${fake}/${variant}
                             ${PROJECT_SOURCE_DIR}/apps/gateway_ble ${PROJECT_SOURCE_DIR}/apps/gateway_zephyr/src)
endfunction()

# What CI compiles: port, application, and tests/zephyr/api/main.c, which uses the macros.
set(DFUCAST_ZEPHYR_APP_SOURCES apps/gateway_ble/gateway_ble.c apps/gateway_zephyr/src/gateway.c apps/gateway_zephyr/src/main.c)
function(dfucast_zephyr_objects target variant)
  set(sources ${DFUCAST_PORT_ZEPHYR_SOURCES} ${DFUCAST_ZEPHYR_APP_SOURCES} tests/zephyr/api/main.c)
  if(variant STREQUAL "old")
    list(REMOVE_ITEM sources ports/zephyr/hash_psa.c)
  else()
    list(REMOVE_ITEM sources ports/zephyr/hash_tinycrypt.c)
  endif()
  list(TRANSFORM sources PREPEND ${PROJECT_SOURCE_DIR}/)
  add_library(${target} OBJECT ${sources})
  target_link_libraries(${target} PRIVATE dfucast)
  dfucast_zephyr_surroundings(${target} ${variant})
  dfucast_warnings(${target})
endfunction()
