# Hardening of what we ship (OpenSSF compiler guide), probed like the warnings.
include(CheckLinkerFlag)

add_library(hardening_flags INTERFACE)
if(HARDENING)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(hardening_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
  foreach(flag
      -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
      -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3 -fno-strict-overflow
      -fno-delete-null-pointer-checks)
    add_flag_if_known(hardening_flags ${flag})
  endforeach()
  foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
    target_link_options(hardening_flags INTERFACE ${flag})
  endforeach()
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
endif()
set(CMAKE_C_VISIBILITY_PRESET hidden)
target_link_libraries(project_flags INTERFACE hardening_flags)
