# What 'cmake --install' puts in place: program, library, headers, packages, pages, plugin.

include(CMakePackageConfigHelpers)

# The library for other programs: all layers in one, with the shared HDF5 and BLAS of the system.
add_library(slab_shared SHARED
            $<TARGET_OBJECTS:slab_base> $<TARGET_OBJECTS:slab_codec> $<TARGET_OBJECTS:slab_hdf5>
            $<TARGET_OBJECTS:slab_storage> $<TARGET_OBJECTS:slab_compute>
            $<TARGET_OBJECTS:slab_format>)
set_target_properties(slab_shared PROPERTIES OUTPUT_NAME slab EXPORT_NAME slab LINKER_LANGUAGE C
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(slab_shared PRIVATE dep::hdf5 dep::blas dep::mpi dep::zstd dep::lz4
                                          dep::deflate dep::openmp Threads::Threads m)
target_include_directories(slab_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
if(SLAB_SANITIZE)
  target_link_options(slab_shared PRIVATE -fsanitize=${SLAB_SANITIZE})
endif()

# Public headers are those that C++ may include too, and what they include. Private: *_impl.h, lists,
# and kernels that no public header needs.
file(GLOB_RECURSE headers RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS
     storage/*.h compute/*.h format/*.h)
list(FILTER headers EXCLUDE REGEX "_(impl|list)\\.h$|^compute/kernel/")
set(public "")
while(headers)
  list(POP_FRONT headers header)
  file(STRINGS ${header} mark REGEX "^extern \"C\"" LIMIT_COUNT 1)
  if(mark AND NOT header IN_LIST public)
    list(APPEND public ${header})
    file(STRINGS ${header} lines REGEX "^#include <slab/.*>")
    list(TRANSFORM lines REPLACE "^#include <slab/(.*)>.*" "\\1")
    list(APPEND headers ${lines})
  endif()
endwhile()
list(SORT public)
set(SLAB_INCLUDES "")
foreach(header ${public})
  string(APPEND SLAB_INCLUDES "#include <slab/${header}>\n")
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/slab/${folder})
endforeach()
configure_file(${CMAKE_CURRENT_LIST_DIR}/slab.h.in ${CMAKE_BINARY_DIR}/package/slab.h @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/slab.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/slab)

# The CMake package (slab::slab) and the pkg-config file; both can be moved with the prefix.
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/slab)
install(TARGETS slab)
install(TARGETS slab_shared EXPORT slabTargets)
install(EXPORT slabTargets NAMESPACE slab:: DESTINATION ${package_folder})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/slabConfig.cmake.in
                              ${CMAKE_BINARY_DIR}/package/slabConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/slabConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/slabConfig.cmake
              ${CMAKE_BINARY_DIR}/package/slabConfigVersion.cmake DESTINATION ${package_folder})
file(RELATIVE_PATH SLAB_PREFIX_FROM_PC /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${CMAKE_CURRENT_LIST_DIR}/slab.pc.in ${CMAKE_BINARY_DIR}/package/slab.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/slab.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Man pages and completion come out of the program itself.
set(command_list ${CMAKE_SOURCE_DIR}/tools/command_list.h)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${command_list})
file(STRINGS ${command_list} rows REGEX "^SLAB_COMMAND")
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/manual)
set(pages ${CMAKE_BINARY_DIR}/manual/slab.1)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/manual/slab.1
                   COMMAND slab help --man slab > ${CMAKE_BINARY_DIR}/manual/slab.1
                   DEPENDS slab VERBATIM)
foreach(row ${rows})
  string(REGEX REPLACE "SLAB_COMMAND\\((.*)\\)" "\\1" verb ${row})
  string(REPLACE "_" "-" verb ${verb})
  set(page ${CMAKE_BINARY_DIR}/manual/slab-${verb}.1)
  add_custom_command(OUTPUT ${page} COMMAND slab help --man ${verb} > ${page} DEPENDS slab VERBATIM)
  list(APPEND pages ${page})
endforeach()
set(completion ${CMAKE_BINARY_DIR}/manual/slab.bash)
add_custom_command(OUTPUT ${completion}
                   COMMAND slab help --completion bash > ${completion} DEPENDS slab VERBATIM)
add_custom_target(manual ALL DEPENDS ${pages} ${completion})
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${completion} RENAME slab
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)

install(TARGETS h5zstd LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/slab/plugin)
