# How this project's own targets are made: one place for warnings, sanitizers and the precompiled header.

# Almost all of a compilation is the parsing of libtorch's and JSON's headers, so the sources of a target are compiled
# eight at a time. OFF compiles each alone: what a developer wants who edits one of them (presets dev, debug, asan).
option(RETMASK_UNITY "Compile the sources of a target together" OFF)

# retmask_library(<folder> SOURCES ... LINK ... [PRIVATE_LINK ...] [TORCH])
# Makes retmask_<folder> out of src/<folder>. TORCH gives it libtorch and the shared precompiled header.
function(retmask_library folder)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(retmask_${folder} STATIC ${ARG_SOURCES})
  retmask_own_code(retmask_${folder})
  target_include_directories(retmask_${folder} PUBLIC "${CMAKE_SOURCE_DIR}/include" PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(retmask_${folder} PUBLIC ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
  if(ARG_TORCH)
    target_link_libraries(retmask_${folder} PUBLIC Torch::cpu)
    retmask_use_torch_pch(retmask_${folder})
  endif()
endfunction()

function(retmask_own_code target)
  # -Wno-restrict: GCC 12 reports a false one inside std::string's operator+ (its bug 105651).
  # Warnings are errors for GCC alone: clang, for fuzzing, finds others in every version.
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra>"
    "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wshadow;-Werror;-Wno-restrict>"
    "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wshadow,-Werror;-Werror=all-warnings>")
  if(RETMASK_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    # A struct of one source file may well have a field of a type in that file's anonymous namespace.
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>")
  endif()
  if(RETMASK_SANITIZE)
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${RETMASK_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
    target_link_options(${target} PUBLIC -fsanitize=${RETMASK_SANITIZE})
  endif()
endfunction()

# Every target that uses libtorch shares one precompiled copy of its tensors. Nothing includes all of torch/torch.h: even
# precompiled, each file would spend 7 s on instantiating templates of modules and optimizers.
function(retmask_use_torch_pch target)
  if(NOT TARGET retmask_torch_pch)
    set(_source "${CMAKE_BINARY_DIR}/torch_pch.cpp")
    file(CONFIGURE OUTPUT "${_source}" CONTENT "// Carries the precompiled header of torch/types.h.\n" @ONLY)
    add_library(retmask_torch_pch STATIC "${_source}")
    retmask_own_code(retmask_torch_pch)
    target_link_libraries(retmask_torch_pch PUBLIC Torch::cpu)
    target_precompile_headers(retmask_torch_pch PRIVATE <torch/types.h>)
  endif()
  # A program would be compiled with -fPIE, and GCC refuses a header precompiled with -fPIC there.
  get_target_property(_type ${target} TYPE)
  if(_type STREQUAL "EXECUTABLE")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM retmask_torch_pch)
endfunction()
