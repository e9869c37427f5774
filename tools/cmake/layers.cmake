# One library a layer, and include roots that hold only what the layer may see:
#     tools -> compute, format -> storage
# A header of storage/ is included as <slab/storage/...>, before and after installation.

foreach(layer storage compute format tools)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include/${layer}/slab)
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${layer} ${CMAKE_BINARY_DIR}/include/${layer}/slab/${layer}
       SYMBOLIC)
endforeach()

set(SLAB_WARNINGS -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wvla
    -Wstrict-prototypes -Wmissing-prototypes)
if(SLAB_WERROR)
  list(APPEND SLAB_WARNINGS -Werror)
endif()

function(slab_compile target)
  target_compile_options(${target} PRIVATE ${SLAB_WARNINGS} -fno-math-errno -ffp-contract=off
                                           -fvisibility=default)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  if(SLAB_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${SLAB_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${SLAB_SANITIZE})
  endif()
  if(SLAB_FUZZ) # every branch is counted, and undefined behaviour ends the run
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link
                                             -fno-sanitize-recover=undefined)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(SLAB_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage -fprofile-update=atomic)
    # The shim of tests/fault has the counts written before it kills.
    target_link_options(${target} PRIVATE --coverage -Wl,-u,__gcov_dump
                                          -Wl,--export-dynamic-symbol=__gcov_dump)
  endif()
endfunction()

# slab_layer(NAME SEES layer... SOURCES glob... LINKS target...)
function(slab_layer name)
  cmake_parse_arguments(A "" "" "SEES;SOURCES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${A_SOURCES})
  add_library(${name} STATIC ${sources})
  slab_compile(${name})
  foreach(layer ${A_SEES})
    target_include_directories(${name} PUBLIC ${CMAKE_BINARY_DIR}/include/${layer})
  endforeach()
  target_link_libraries(${name} PUBLIC ${A_LINKS})
endfunction()
