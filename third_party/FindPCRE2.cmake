# PCRE2, from the system (Debian: libpcre2-dev) or a prefix in CMAKE_PREFIX_PATH.
#
# Target: PCRE2::pcre2
find_path(PCRE2_INCLUDE_DIR pcre2.h)
find_library(PCRE2_LIBRARY pcre2-8)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(PCRE2 REQUIRED_VARS PCRE2_LIBRARY PCRE2_INCLUDE_DIR)
if(PCRE2_FOUND AND NOT TARGET PCRE2::pcre2)
  add_library(PCRE2::pcre2 INTERFACE IMPORTED)
  target_include_directories(PCRE2::pcre2 SYSTEM INTERFACE "${PCRE2_INCLUDE_DIR}")
  target_link_libraries(PCRE2::pcre2 INTERFACE "${PCRE2_LIBRARY}")
endif()
