# The flags of every target of ours: link rsp_flags.
option(RSP_FUZZ "build the libFuzzer targets (clang)" OFF)
set(RSP_SANITIZE "" CACHE STRING "sanitizers, as -fsanitize= takes them")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION_RELEASE ON) # small functions of other files (buffers, clock) are inlined

add_library(rsp_flags INTERFACE)
target_compile_definitions(rsp_flags INTERFACE _GNU_SOURCE)
target_include_directories(rsp_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(rsp_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla -Wundef -Werror
  -Wno-error=deprecated-declarations # a library that is newer than ours must not break the build
  -Wno-sign-conversion -fno-strict-aliasing)

if(RSP_SANITIZE)
  target_compile_options(rsp_flags INTERFACE -fsanitize=${RSP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(rsp_flags INTERFACE -fsanitize=${RSP_SANITIZE})
endif()
if(RSP_FUZZ)
  target_compile_options(rsp_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(rsp_flags INTERFACE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE)
  target_link_options(rsp_flags INTERFACE -pie -Wl,-z,relro -Wl,-z,now)
endif()
