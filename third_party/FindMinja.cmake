# minja (header-only Jinja), which scripts/setup.sh takes out of the source archive of PyPI's llama-cpp-python.
#
#   Minja_ROOT   a folder that holds minja/minja.hpp. Default: .venv/include of the checkout.
#
# Target: Minja::minja
find_path(Minja_INCLUDE_DIR minja/minja.hpp PATHS "${Minja_ROOT}" "${CMAKE_SOURCE_DIR}/.venv/include" NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Minja REQUIRED_VARS Minja_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or give -DMinja_ROOT=<folder with minja/minja.hpp>")
if(Minja_FOUND AND NOT TARGET Minja::minja)
  add_library(Minja::minja INTERFACE IMPORTED)
  target_include_directories(Minja::minja SYSTEM INTERFACE "${Minja_INCLUDE_DIR}")
  target_link_libraries(Minja::minja INTERFACE nlohmann_json::nlohmann_json)
endif()
