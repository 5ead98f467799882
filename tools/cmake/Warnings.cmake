# project_flags: the warnings every line of ours is compiled with. Each flag is probed, because gcc
# and clang know different ones. Generated code does not link project_flags.
include(CheckCCompilerFlag)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# CMake's optimised build types define NDEBUG; our checks stay on in every build.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

add_library(project_flags INTERFACE)
target_compile_definitions(project_flags INTERFACE _GNU_SOURCE)

function(add_flag_if_known target flag)
  string(MAKE_C_IDENTIFIER "HAVE_FLAG_${flag}" variable)
  check_c_compiler_flag("${flag}" ${variable})
  if(${variable})
    target_compile_options(${target} INTERFACE "${flag}")
  endif()
endfunction()

foreach(flag
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wnested-externs -Wundef -Wvla -Wwrite-strings
    -Wcast-align -Wpointer-arith -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum
    -Wnull-dereference -Wdouble-promotion -Wfloat-equal -Wdate-time -Wredundant-decls)
  add_flag_if_known(project_flags ${flag})
endforeach()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # clang warns about -Wcast-qual inside the initialisers that protobuf-c generates, gcc does not.
  foreach(flag -Wcast-qual -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init)
    add_flag_if_known(project_flags ${flag})
  endforeach()
  if(NOT SANITIZE)
    add_flag_if_known(project_flags -Wstack-usage=16384)
  endif()
else()
  add_flag_if_known(project_flags -Wcomma)
endif()
if(FAULT_POINTS)
  target_compile_definitions(project_flags INTERFACE FAULT_POINTS)
endif()
if(WERROR)
  target_compile_options(project_flags INTERFACE -Werror)
endif()
