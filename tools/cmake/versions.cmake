# What the program was built on, for 'slab version': "name version|name version|..."

function(slab_header_version out target header pattern)
  set(${out} "unknown" PARENT_SCOPE)
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  foreach(folder ${folders})
    if(EXISTS ${folder}/${header})
      file(STRINGS ${folder}/${header} line REGEX "${pattern}" LIMIT_COUNT 1)
      string(REGEX REPLACE ".*${pattern}" "" line "${line}")
      string(REGEX MATCH "[0-9]+(\\.[0-9]+)*" version "${line}")
      set(${out} "${version}" PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# By its parts: since 2.0 the header has no text of the whole.
foreach(part MAJOR MINOR RELEASE)
  slab_header_version(hdf5_${part} dep_hdf5_headers H5public.h "define H5_VERS_${part} ")
endforeach()
set(hdf5_version ${hdf5_MAJOR}.${hdf5_MINOR}.${hdf5_RELEASE})
slab_header_version(blas_version dep_blas_headers openblas_config.h "define OPENBLAS_VERSION")
pkg_check_modules(ompi QUIET ompi-c)
set(mpi_name "MPI ${MPI_C_VERSION}")
if(ompi_FOUND)
  set(mpi_name "Open MPI ${ompi_VERSION}, MPI ${MPI_C_VERSION}")
endif()
set(SLAB_BUILT_ON
    "hdf5 ${hdf5_version}|mpi ${mpi_name}|zstd ${zstd_VERSION}|blas OpenBLAS ${blas_version}")
