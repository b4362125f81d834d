# libtorch out of PyPI's `torch` wheel, as imported targets. The wheel's own CMake package demands a CUDA toolkit;
# its libraries and headers do not.
#
#   TorchWheel_ROOT   the installed `torch` package (holds lib/ and include/). Default: the one in the checkout's .venv.
#
# Targets: Torch::cpu (always), Torch::cuda (where the wheel is a CUDA build; needs no toolkit and no GPU to link; with
# the CUDA runtime that libtorch itself uses).
if(NOT TorchWheel_ROOT)
  file(GLOB TorchWheel_ROOT "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
endif()
find_library(TorchWheel_CPU_LIBRARY torch_cpu PATHS "${TorchWheel_ROOT}/lib" NO_DEFAULT_PATH)
find_library(TorchWheel_C10_LIBRARY c10 PATHS "${TorchWheel_ROOT}/lib" NO_DEFAULT_PATH)
find_library(TorchWheel_CUDA_LIBRARY torch_cuda PATHS "${TorchWheel_ROOT}/lib" NO_DEFAULT_PATH)
find_library(TorchWheel_C10_CUDA_LIBRARY c10_cuda PATHS "${TorchWheel_ROOT}/lib" NO_DEFAULT_PATH)
find_library(TorchWheel_CUDART_LIBRARY NAMES libcudart.so.13 libcudart.so.12
  PATHS "${TorchWheel_ROOT}/../nvidia/cu13/lib" "${TorchWheel_ROOT}/../nvidia/cuda_runtime/lib" NO_DEFAULT_PATH)
find_library(TorchWheel_OpenMP_LIBRARY NAMES libgomp.so.1 gomp PATHS "${TorchWheel_ROOT}/lib" NO_DEFAULT_PATH)
find_path(TorchWheel_INCLUDE_DIR ATen/ATen.h PATHS "${TorchWheel_ROOT}/include" NO_DEFAULT_PATH)
if(EXISTS "${TorchWheel_ROOT}/version.py")
  file(STRINGS "${TorchWheel_ROOT}/version.py" _version REGEX "^__version__")
  string(REGEX REPLACE ".*'([^']+)'.*" "\\1" TorchWheel_VERSION "${_version}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TorchWheel
  REQUIRED_VARS TorchWheel_CPU_LIBRARY TorchWheel_C10_LIBRARY TorchWheel_OpenMP_LIBRARY TorchWheel_INCLUDE_DIR
  VERSION_VAR TorchWheel_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or give -DTorchWheel_ROOT=<site-packages>/torch")

if(TorchWheel_FOUND AND NOT TARGET Torch::cpu)
  add_library(Torch::cpu INTERFACE IMPORTED)
  # -idirafter: torch's include folder carries its own fmt, which must not come before Debian's.
  target_compile_options(Torch::cpu INTERFACE
    "SHELL:-idirafter ${TorchWheel_INCLUDE_DIR}"
    "SHELL:-idirafter ${TorchWheel_INCLUDE_DIR}/torch/csrc/api/include"
    # at::parallel_for is a template: without this, what the program passes to it runs on one thread.
    -fopenmp)
  # The wheel's own OpenMP runtime, so that there is one pool of threads.
  target_link_libraries(Torch::cpu INTERFACE
    "${TorchWheel_CPU_LIBRARY}" "${TorchWheel_C10_LIBRARY}" "${TorchWheel_OpenMP_LIBRARY}")
  get_filename_component(_torch_lib "${TorchWheel_CPU_LIBRARY}" DIRECTORY)
  # libtorch finds its neighbours (nvidia/*, libgomp) through its own run path; --no-as-needed is not needed for them.
  target_link_options(Torch::cpu INTERFACE "-Wl,-rpath,${_torch_lib}" "-Wl,--allow-shlib-undefined")
  if(TorchWheel_CUDA_LIBRARY AND TorchWheel_C10_CUDA_LIBRARY AND TorchWheel_CUDART_LIBRARY)
    add_library(Torch::cuda INTERFACE IMPORTED)
    file(GLOB _nvidia_include "${TorchWheel_ROOT}/../nvidia/cu13/include" "${TorchWheel_ROOT}/../nvidia/nccl/include")
    foreach(_dir IN LISTS _nvidia_include)
      target_compile_options(Torch::cuda INTERFACE "SHELL:-idirafter ${_dir}")
    endforeach()
    # Nothing of ours calls these by symbol until a kernel does, yet loading them is what registers the CUDA backend.
    target_link_libraries(Torch::cuda INTERFACE Torch::cpu
      "-Wl,--no-as-needed,${TorchWheel_CUDA_LIBRARY},${TorchWheel_C10_CUDA_LIBRARY},--as-needed"
      "${TorchWheel_CUDART_LIBRARY}")
  endif()
endif()
