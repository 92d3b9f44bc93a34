# SPDX-License-Identifier: Apache-2.0
# Finds zcbor and gives it as the target dfucast_zcbor. In this order:
#   1. a target `zcbor` of the surrounding project,
#   2. DFUCAST_ZCBOR_DIR: a folder with src/ and include/ (zcbor's own tree, or the wheel's `zcbor` folder),
#   3. the Python environment that ./dev makes (build/venv),
#   4. a small Python environment made here, with the pinned wheel from the package index.

set(DFUCAST_ZCBOR_VERSION 0.9.1)
set(DFUCAST_ZCBOR_DIR "" CACHE PATH "Folder holding zcbor's src/ and include/; empty: find or fetch it")

function(dfucast_zcbor_in_venv venv result)
  file(GLOB found "${venv}/lib/python3*/site-packages/zcbor/include/zcbor_decode.h")
  set(${result} "" PARENT_SCOPE)
  if(found)
    list(GET found 0 header)
    cmake_path(GET header PARENT_PATH include_dir)
    cmake_path(GET include_dir PARENT_PATH zcbor_dir)
    set(${result} "${zcbor_dir}" PARENT_SCOPE)
  endif()
endfunction()

function(dfucast_zcbor_fetch result)
  set(venv "${CMAKE_BINARY_DIR}/zcbor-venv")
  dfucast_zcbor_in_venv("${venv}" zcbor_dir)
  if(NOT zcbor_dir)
    find_program(DFUCAST_PYTHON NAMES python3 REQUIRED)
    message(STATUS "dfucast: fetching zcbor ${DFUCAST_ZCBOR_VERSION} into ${venv}")
    # The hash is the one in tools/requirements.txt, so that there is one place to change it.
    file(STRINGS "${PROJECT_SOURCE_DIR}/tools/requirements.txt" lines)
    set(wanted "")
    set(inside FALSE)
    foreach(line IN LISTS lines)
      if(line MATCHES "^zcbor==")
        set(inside TRUE)
      elseif(line MATCHES "^[^ ]")
        set(inside FALSE)
      endif()
      if(inside)
        string(APPEND wanted "${line}\n")
      endif()
    endforeach()
    file(WRITE "${CMAKE_BINARY_DIR}/zcbor-requirements.txt" "${wanted}")
    execute_process(COMMAND "${DFUCAST_PYTHON}" -m venv "${venv}" COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND "${venv}/bin/pip" install --quiet --disable-pip-version-check --no-deps
                            --require-hashes -r "${CMAKE_BINARY_DIR}/zcbor-requirements.txt"
                    COMMAND_ERROR_IS_FATAL ANY)
    dfucast_zcbor_in_venv("${venv}" zcbor_dir)
  endif()
  set(${result} "${zcbor_dir}" PARENT_SCOPE)
endfunction()

if(TARGET zcbor)
  add_library(dfucast_zcbor INTERFACE)
  target_link_libraries(dfucast_zcbor INTERFACE zcbor)
  set(DFUCAST_ZCBOR_IS_OURS OFF)
else()
  set(DFUCAST_ZCBOR_IS_OURS ON)
  set(zcbor_dir "${DFUCAST_ZCBOR_DIR}")
  if(NOT zcbor_dir)
    dfucast_zcbor_in_venv("${PROJECT_SOURCE_DIR}/build/venv" zcbor_dir)
  endif()
  if(NOT zcbor_dir)
    dfucast_zcbor_fetch(zcbor_dir)
  endif()
  if(NOT EXISTS "${zcbor_dir}/include/zcbor_decode.h")
    message(FATAL_ERROR "dfucast: no zcbor in '${zcbor_dir}': set DFUCAST_ZCBOR_DIR to a folder that holds "
                        "zcbor's src/ and include/ (zcbor ${DFUCAST_ZCBOR_VERSION}).")
  endif()
  add_library(dfucast_zcbor STATIC
    "${zcbor_dir}/src/zcbor_common.c"
    "${zcbor_dir}/src/zcbor_decode.c"
    "${zcbor_dir}/src/zcbor_encode.c")
  target_include_directories(dfucast_zcbor SYSTEM PUBLIC $<BUILD_INTERFACE:${zcbor_dir}/include>)
  set_target_properties(dfucast_zcbor PROPERTIES EXPORT_NAME zcbor C_STANDARD 11)
endif()
