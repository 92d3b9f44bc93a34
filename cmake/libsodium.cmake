# SPDX-License-Identifier: Apache-2.0
# SHA-256 for a bare-metal program: libsodium's portable C, as the target dfucast_libsodium. Two of its files, unchanged,
# from the source package of PyNaCl, which carries libsodium; fetched when first configured, checked by the hash in
# tools/requirements-mps2.txt, never committed. DFUCAST_LIBSODIUM_DIR: a folder with libsodium's own tree instead.

set(DFUCAST_LIBSODIUM_DIR "" CACHE PATH "libsodium's source tree; empty: fetch it")

function(dfucast_libsodium_fetch result)
  set(folder "${CMAKE_BINARY_DIR}/libsodium")
  file(GLOB tree "${folder}/pynacl-*/src/libsodium")
  if(NOT tree)
    set(pip "${PROJECT_SOURCE_DIR}/build/venv/bin/pip")
    if(NOT EXISTS "${pip}")
      find_program(DFUCAST_PYTHON NAMES python3 REQUIRED)
      execute_process(COMMAND "${DFUCAST_PYTHON}" -m venv "${CMAKE_BINARY_DIR}/pip-venv" COMMAND_ERROR_IS_FATAL ANY)
      set(pip "${CMAKE_BINARY_DIR}/pip-venv/bin/pip")
    endif()
    message(STATUS "dfucast: fetching libsodium into ${folder}")
    set(failed TRUE)
    foreach(attempt 1 2 3)
      if(failed)
        execute_process(COMMAND "${pip}" download --quiet --disable-pip-version-check --no-deps --no-binary pynacl
                                --require-hashes -r "${PROJECT_SOURCE_DIR}/tools/requirements-mps2.txt"
                                --dest "${folder}"
                        RESULT_VARIABLE failed)
      endif()
    endforeach()
    if(failed)
      message(FATAL_ERROR "dfucast: libsodium could not be fetched; set DFUCAST_LIBSODIUM_DIR to its source tree")
    endif()
    file(GLOB archive "${folder}/*.tar.gz")
    file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${folder}" PATTERNS "*/src/libsodium/*")
    file(GLOB tree "${folder}/pynacl-*/src/libsodium")
  endif()
  set(${result} "${tree}" PARENT_SCOPE)
endfunction()

set(libsodium_dir "${DFUCAST_LIBSODIUM_DIR}")
if(NOT libsodium_dir)
  dfucast_libsodium_fetch(libsodium_dir)
endif()
set(libsodium_dir "${libsodium_dir}/src/libsodium")
add_library(dfucast_libsodium STATIC
  "${libsodium_dir}/crypto_hash/sha256/cp/hash_sha256_cp.c"
  "${libsodium_dir}/sodium/utils.c") # it wipes what it hashed; the rest of the file is not linked
target_include_directories(dfucast_libsodium SYSTEM
  PUBLIC "${libsodium_dir}/include" PRIVATE "${libsodium_dir}/include/sodium")
target_compile_definitions(dfucast_libsodium PRIVATE CONFIGURED=1)
