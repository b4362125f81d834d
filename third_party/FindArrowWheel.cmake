# libarrow and libparquet out of PyPI's `pyarrow` wheel.
#
#   ArrowWheel_ROOT   the installed `pyarrow` package. Default: the one in the checkout's .venv.
#
# Target: Arrow::parquet
if(NOT ArrowWheel_ROOT)
  file(GLOB ArrowWheel_ROOT "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/pyarrow")
endif()
# The wheel ships sonames only (libarrow.so.2600), no plain .so.
file(GLOB ArrowWheel_ARROW_LIBRARY "${ArrowWheel_ROOT}/libarrow.so.*")
file(GLOB ArrowWheel_PARQUET_LIBRARY "${ArrowWheel_ROOT}/libparquet.so.*")
find_path(ArrowWheel_INCLUDE_DIR arrow/api.h PATHS "${ArrowWheel_ROOT}/include" NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ArrowWheel
  REQUIRED_VARS ArrowWheel_ARROW_LIBRARY ArrowWheel_PARQUET_LIBRARY ArrowWheel_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or give -DArrowWheel_ROOT=<site-packages>/pyarrow")
if(ArrowWheel_FOUND AND NOT TARGET Arrow::parquet)
  add_library(Arrow::parquet INTERFACE IMPORTED)
  target_include_directories(Arrow::parquet SYSTEM INTERFACE "${ArrowWheel_INCLUDE_DIR}")
  target_link_libraries(Arrow::parquet INTERFACE "${ArrowWheel_PARQUET_LIBRARY}" "${ArrowWheel_ARROW_LIBRARY}")
  target_link_options(Arrow::parquet INTERFACE "-Wl,-rpath,${ArrowWheel_ROOT}" "-Wl,--allow-shlib-undefined")
endif()
