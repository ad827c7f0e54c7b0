# Finds LibTorch by its files: Debian's, an unpacked archive, or the torch folder of PyPI's package.
# LibTorch's own TorchConfig.cmake is not asked: of a LibTorch that was built with CUDA it stops where
# there is no CUDA toolkit, and only compiling CUDA code needs one.
# Looked for in LibTorch_ROOT first, then wherever CMake looks. Defines LibTorch::LibTorch.

# Not cached: a changed LibTorch_ROOT counts the next time, too.
find_path(LibTorch_INCLUDE_DIR torch/csrc/jit/api/module.h NO_CACHE)
find_library(LibTorch_LIBRARY torch_cpu NO_CACHE)
# The others lie beside it; a second LibTorch's must not be mixed in.
cmake_path(GET LibTorch_LIBRARY PARENT_PATH LibTorch_library_folder)
foreach(part c10 torch_cuda)
  find_library(LibTorch_${part}_LIBRARY ${part} PATHS ${LibTorch_library_folder} NO_DEFAULT_PATH NO_CACHE)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_LIBRARY LibTorch_c10_LIBRARY LibTorch_INCLUDE_DIR)

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  # Beside its own headers LibTorch ships those of fmt, protobuf, pybind11 and others, which must not
  # hide the system's: only its own are linked to. The folder is named after where they lie, so that
  # with another LibTorch everything is compiled again.
  set(LibTorch_headers ${CMAKE_BINARY_DIR}/libtorch${LibTorch_INCLUDE_DIR})
  file(MAKE_DIRECTORY ${LibTorch_headers})
  foreach(own ATen c10 caffe2 torch)
    file(CREATE_LINK ${LibTorch_INCLUDE_DIR}/${own} ${LibTorch_headers}/${own} SYMBOLIC)
  endforeach()

  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch INTERFACE
    ${LibTorch_headers} ${LibTorch_headers}/torch/csrc/api/include)
  target_link_libraries(LibTorch::LibTorch INTERFACE ${LibTorch_LIBRARY} ${LibTorch_c10_LIBRARY})
  if(LibTorch_torch_cuda_LIBRARY)
    # No symbol of it is used, but --device cuda exists only where it is loaded.
    target_link_options(LibTorch::LibTorch INTERFACE
      "LINKER:--push-state,--no-as-needed,${LibTorch_torch_cuda_LIBRARY},--pop-state")
  endif()
endif()
