# The compiler for our own kernels, where there is one: RETMASK_CUDA_KERNELS then says ON. Without it the program is the
# same but for them; on a GPU it takes libtorch's way through every step.
#
#   RETMASK_CUDA                OFF: do not look for one
#   RETMASK_CUDA_ARCHITECTURE   what to compile for; 90a is Hopper (H100, H200), 80 runs on everything since Ampere

option(RETMASK_CUDA "Compile the CUDA kernels where a CUDA compiler is found" ON)
set(RETMASK_CUDA_ARCHITECTURE 90a CACHE STRING "GPU architecture of the CUDA kernels")

set(RETMASK_CUDA_KERNELS OFF)
if(RETMASK_CUDA AND TARGET Torch::cuda)
  # The toolkit's own place, which is often not on PATH.
  find_program(RETMASK_NVCC nvcc HINTS /usr/local/cuda/bin)
  if(RETMASK_NVCC AND NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    set(CMAKE_CUDA_COMPILER "${RETMASK_NVCC}")
  endif()
  # libtorch brings its runtime along; a second, static one would have its own idea of the current device.
  set(CMAKE_CUDA_RUNTIME_LIBRARY None)
  set(CMAKE_CUDA_STANDARD 17)  # the newest that CMake 3.25 knows for CUDA
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_ARCHITECTURES "${RETMASK_CUDA_ARCHITECTURE}")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(RETMASK_CUDA_KERNELS ON)
  endif()
endif()
message(STATUS "CUDA kernels: ${RETMASK_CUDA_KERNELS}")
