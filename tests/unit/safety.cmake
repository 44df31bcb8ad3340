# Tests of what must hold whatever a model does: failing memory, threads, limits.
gonio_add_test (
  test-allocation-failure LABELS unit
  SOURCES test-allocation-failure.c ${CMAKE_SOURCE_DIR}/tests/support/fault-memory.c
          ${CMAKE_SOURCE_DIR}/tests/support/small-models.c
          ${CMAKE_SOURCE_DIR}/tests/support/model-parts.c
          ${CMAKE_SOURCE_DIR}/tests/support/ml-parts.c
          ${CMAKE_SOURCE_DIR}/tests/support/onnx-writer.c
  LIBS gonio-backends dl)
gonio_add_test (
  test-threads LABELS unit
  SOURCES test-threads.c ${CMAKE_SOURCE_DIR}/tests/support/small-models.c
          ${CMAKE_SOURCE_DIR}/tests/support/model-parts.c
          ${CMAKE_SOURCE_DIR}/tests/support/ml-parts.c
          ${CMAKE_SOURCE_DIR}/tests/support/onnx-writer.c
  LIBS gonio-backends)
gonio_add_test (
  test-hostile-models LABELS unit
  SOURCES test-hostile-models.c ${CMAKE_SOURCE_DIR}/tests/support/model-parts.c
          ${CMAKE_SOURCE_DIR}/tests/support/onnx-writer.c
  LIBS gonio-backends)
gonio_add_test (
  test-changing-files LABELS unit
  SOURCES test-changing-files.c ${CMAKE_SOURCE_DIR}/tests/support/model-parts.c
          ${CMAKE_SOURCE_DIR}/tests/support/onnx-writer.c
  LIBS gonio-onnx)
