# gonio_add_library / gonio_add_program / gonio_add_test: one place for warnings and sanitizers.

add_library (gonio-options INTERFACE)
target_include_directories (gonio-options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options (
  gonio-options
  INTERFACE -Wall -Wextra -Werror -Wshadow -Wvla -Wno-unused-parameter
            $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>
            -fno-math-errno -fvisibility=hidden)
target_compile_definitions (
  gonio-options INTERFACE _GNU_SOURCE GONIO_VERSION="${PROJECT_VERSION}" GETTEXT_PACKAGE="gonio")
if (GONIO_SANITIZE)
  target_compile_options (gonio-options INTERFACE -fsanitize=${GONIO_SANITIZE}
                                                  -fno-omit-frame-pointer
                                                  -fno-sanitize-recover=undefined)
  target_link_options (gonio-options INTERFACE -fsanitize=${GONIO_SANITIZE})
endif ()
if (GONIO_FUZZ)
  target_compile_options (gonio-options INTERFACE -fsanitize=fuzzer-no-link)
endif ()

# gonio_add_library (name SOURCES a.c b.c LIBS x y [PRIVATE_LIBS z])
function (gonio_add_library name)
  cmake_parse_arguments (A "" "" "SOURCES;LIBS;PRIVATE_LIBS" ${ARGN})
  add_library (${name} STATIC ${A_SOURCES})
  target_link_libraries (${name} PUBLIC gonio-options ${A_LIBS} PRIVATE ${A_PRIVATE_LIBS})
  target_compile_definitions (${name} PRIVATE G_LOG_DOMAIN="${name}")
endfunction ()

# What every program and every test's environment have beside their own. The thread sanitizer does
# not see the locks of GLib, and takes memory that GLib's slices reuse for shared.
set (gonio_common_sources)
set (gonio_common_environment "G_DEBUG=fatal-criticals")
if (GONIO_SANITIZE STREQUAL "thread")
  set (gonio_common_sources ${CMAKE_SOURCE_DIR}/tests/support/tsan-glib.c)
  list (APPEND gonio_common_environment "G_SLICE=always-malloc"
        "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")
endif ()

# gonio_add_program (name SOURCES main.c LIBS x y)
function (gonio_add_program name)
  cmake_parse_arguments (A "" "" "SOURCES;LIBS" ${ARGN})
  add_executable (${name} ${A_SOURCES} ${gonio_common_sources})
  target_link_libraries (${name} PRIVATE gonio-options ${A_LIBS})
  target_compile_definitions (${name} PRIVATE G_LOG_DOMAIN="${name}")
endfunction ()

# gonio_add_test (name LABELS unit SOURCES test-x.c LIBS y [ARGS ...] [TIMEOUT seconds])
# A g_test program; TAP off, exit 77 never used: g_test_skip says why.
function (gonio_add_test name)
  cmake_parse_arguments (A "" "TIMEOUT" "LABELS;SOURCES;LIBS;ARGS" ${ARGN})
  add_executable (${name} ${A_SOURCES} ${gonio_common_sources})
  target_link_libraries (${name} PRIVATE gonio-options ${A_LIBS})
  target_compile_definitions (
    ${name} PRIVATE G_LOG_DOMAIN="${name}" GONIO_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  set_target_properties (${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/bin)
  if (NOT A_TIMEOUT)
    set (A_TIMEOUT 300)
  endif ()
  add_test (NAME ${name} COMMAND ${name} ${A_ARGS})
  set_tests_properties (
    ${name}
    PROPERTIES LABELS "${A_LABELS}"
               TIMEOUT ${A_TIMEOUT}
               SKIP_REGULAR_EXPRESSION "^# ?SKIP-ALL"
               ENVIRONMENT "${gonio_common_environment};LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/lsan.supp")
endfunction ()
