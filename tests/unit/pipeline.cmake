# Unit tests of core/measure, core/models and core/pipeline.
gonio_add_test (test-times LABELS unit SOURCES test-times.c LIBS gonio-base)
gonio_add_test (test-sha256 LABELS unit SOURCES test-sha256.c LIBS gonio-base)
gonio_add_test (test-decode LABELS unit SOURCES test-decode.c LIBS gonio-models)
gonio_add_test (
  test-find LABELS unit
  SOURCES test-find.c ${CMAKE_SOURCE_DIR}/tests/support/onnx-writer.c
  LIBS gonio-pipeline gonio-backends)
gonio_add_test (test-geometry LABELS unit SOURCES test-geometry.c LIBS gonio-measure)
gonio_add_test (test-manifest LABELS unit SOURCES test-manifest.c LIBS gonio-models)
gonio_add_test (test-measure LABELS unit SOURCES test-measure.c LIBS gonio-measure)
gonio_add_test (test-model-input LABELS unit SOURCES test-model-input.c LIBS gonio-models)
gonio_add_test (test-protocol LABELS unit SOURCES test-protocol.c LIBS gonio-measure)
gonio_add_test (test-result LABELS unit SOURCES test-result.c LIBS gonio-measure)
gonio_add_test (test-rectify LABELS unit SOURCES test-rectify.c LIBS gonio-pipeline)
gonio_add_test (test-view LABELS unit SOURCES test-view.c LIBS gonio-pipeline)
