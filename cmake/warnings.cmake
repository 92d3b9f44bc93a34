# SPDX-License-Identifier: Apache-2.0
# Warnings for our own code only: never for zcbor, never for a project that includes us.

function(dfucast_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    $<$<BOOL:${DFUCAST_WERROR}>:-Werror>)
endfunction()
