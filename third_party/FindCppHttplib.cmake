# cpp-httplib, from the system (Debian: libcpp-httplib-dev) or a prefix in CMAKE_PREFIX_PATH. Debian's is a compiled library
# with OpenSSL, zlib and brotli; its header must be read with the same switches. Elsewhere it is a header alone, for which
# OpenSSL is switched on and the rest left out.
#
# Target: CppHttplib::cpp_httplib
find_path(CppHttplib_INCLUDE_DIR httplib.h)
find_library(CppHttplib_LIBRARY cpp-httplib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CppHttplib REQUIRED_VARS CppHttplib_INCLUDE_DIR)
if(CppHttplib_FOUND AND NOT TARGET CppHttplib::cpp_httplib)
  add_library(CppHttplib::cpp_httplib INTERFACE IMPORTED)
  target_include_directories(CppHttplib::cpp_httplib SYSTEM INTERFACE "${CppHttplib_INCLUDE_DIR}")
  target_compile_definitions(CppHttplib::cpp_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT)
  target_link_libraries(CppHttplib::cpp_httplib INTERFACE OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
  if(CppHttplib_LIBRARY)
    target_compile_definitions(CppHttplib::cpp_httplib INTERFACE CPPHTTPLIB_ZLIB_SUPPORT CPPHTTPLIB_BROTLI_SUPPORT)
    target_link_libraries(CppHttplib::cpp_httplib INTERFACE "${CppHttplib_LIBRARY}" ZLIB::ZLIB)
  endif()
endif()
