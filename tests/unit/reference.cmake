# Kernels of the reference backend, one program per family; they share one helper.
foreach (family attention conv elementwise hostile math more sequence shape)
  gonio_add_test (
    test-reference-${family} LABELS unit
    SOURCES test-reference-${family}.c ${CMAKE_SOURCE_DIR}/tests/support/reference-case.c
    LIBS gonio-reference)
endforeach ()
gonio_add_test (
  test-reference-program LABELS unit
  SOURCES test-reference-program.c ${CMAKE_SOURCE_DIR}/tests/support/graph-maker.c
  LIBS gonio-reference)
gonio_add_test (
  test-loop LABELS unit
  SOURCES test-loop.c ${CMAKE_SOURCE_DIR}/tests/support/onnx-writer.c
          ${CMAKE_SOURCE_DIR}/tests/support/reference-case.c
  LIBS gonio-reference)
