# Tests of core/imaging.
gonio_add_program (gonio-image-probe SOURCES ${CMAKE_SOURCE_DIR}/tests/support/gonio-image-probe.c
                                             ${CMAKE_SOURCE_DIR}/tests/support/image-probe.c
                                     LIBS gonio-imaging)
set_target_properties (gonio-image-probe PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                                                    ${CMAKE_BINARY_DIR}/tests/bin)
