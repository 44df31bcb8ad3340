# Tests of what must hold whatever a model does: failing memory, threads, limits.
gonio_add_test (
  test-allocation-failure LABELS unit
  SOURCES test-allocation-failure.c ${CMAKE_SOURCE_DIR}/tests/support/fault-memory.c
          ${CMAKE_SOURCE_DIR}/tests/support/small-models.c
          ${CMAKE_SOURCE_DIR}/tests/support/model-parts.c
          ${CMAKE_SOURCE_DIR}/tests/support/ml-parts.c
          ${CMAKE_SOURCE_DIR}/tests/support/onnx-writer.c
  LIBS gonio-backends dl)
if (GONIO_BACKEND_CPU) # products of any size on the matrix unit, XNNPACK
  get_test_property (test-allocation-failure ENVIRONMENT environment)
  add_test (NAME test-allocation-failure-amx COMMAND test-allocation-failure)
  set_tests_properties (
    test-allocation-failure-amx PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT
                                           "${environment};GONIO_CPU_KERNELS=amx")
  add_test (NAME test-allocation-failure-xnnpack COMMAND test-allocation-failure)
  set_tests_properties (
    test-allocation-failure-xnnpack PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT
                                               "${environment};GONIO_CPU_CONV=xnnpack")
endif ()
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
