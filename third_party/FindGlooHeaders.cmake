# The headers of Gloo, whose code is inside libtorch; the torch wheel leaves them out. Nothing of Debian's library is linked.
#
#   GlooHeaders_ROOT   the folder that holds include/gloo
find_path(GlooHeaders_INCLUDE_DIR gloo/transport/device.h)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(GlooHeaders REQUIRED_VARS GlooHeaders_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libgloo-dev (scripts/setup.sh), or give -DGlooHeaders_ROOT=<prefix>")
if(GlooHeaders_FOUND AND NOT TARGET Gloo::headers)
  add_library(Gloo::headers INTERFACE IMPORTED)
  target_compile_options(Gloo::headers INTERFACE "SHELL:-idirafter ${GlooHeaders_INCLUDE_DIR}")
  target_compile_definitions(Gloo::headers INTERFACE USE_C10D_GLOO)
endif()
