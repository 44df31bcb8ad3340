# Tests of graph, ops, onnx and passes; they share two helpers.
set (SUPPORT ${CMAKE_SOURCE_DIR}/tests/support)
gonio_add_test (
  test-graph LABELS unit
  SOURCES test-graph.c ${SUPPORT}/graph-maker.c
  LIBS gonio-ops)
gonio_add_test (
  test-infer LABELS unit
  SOURCES test-infer.c ${SUPPORT}/graph-maker.c
  LIBS gonio-onnx)
gonio_add_test (
  test-infer-lists LABELS unit
  SOURCES test-infer-lists.c ${SUPPORT}/graph-maker.c
  LIBS gonio-ops)
gonio_add_test (
  test-infer-random LABELS unit
  SOURCES test-infer-random.c ${SUPPORT}/graph-maker.c
  LIBS gonio-passes)
gonio_add_test (
  test-onnx-load LABELS unit
  SOURCES test-onnx-load.c ${SUPPORT}/onnx-writer.c
  LIBS gonio-onnx)
gonio_add_test (
  test-onnx-import LABELS unit
  SOURCES test-onnx-import.c ${SUPPORT}/onnx-writer.c ${SUPPORT}/graph-maker.c
  LIBS gonio-onnx)
gonio_add_test (
  test-onnx-limits LABELS unit
  SOURCES test-onnx-limits.c ${SUPPORT}/onnx-writer.c
  LIBS gonio-onnx)
gonio_add_test (
  test-passes LABELS unit
  SOURCES test-passes.c ${SUPPORT}/graph-maker.c ${SUPPORT}/pass-runner.c
  LIBS gonio-passes gonio-reference)
gonio_add_test (
  test-passes-fuse LABELS unit
  SOURCES test-passes-fuse.c ${SUPPORT}/graph-maker.c ${SUPPORT}/pass-runner.c
  LIBS gonio-passes gonio-reference)
gonio_add_test (
  test-onnx-legacy LABELS unit
  SOURCES test-onnx-legacy.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-ml-models LABELS unit
  SOURCES test-onnx-ml-models.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-ml LABELS unit
  SOURCES test-onnx-ml.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-contrib LABELS unit
  SOURCES test-onnx-contrib.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-contrib-image LABELS unit
  SOURCES test-onnx-contrib-image.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-contrib-matmul LABELS unit
  SOURCES test-onnx-contrib-matmul.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-contrib-training LABELS unit
  SOURCES test-onnx-contrib-training.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-gradient LABELS unit
  SOURCES test-onnx-gradient.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-attributes LABELS unit
  SOURCES test-onnx-attributes.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
gonio_add_test (
  test-onnx-compose LABELS unit
  SOURCES test-onnx-compose.c ${SUPPORT}/node-case.c ${SUPPORT}/onnx-writer.c
          ${SUPPORT}/reference-case.c
  LIBS gonio-onnx gonio-reference)
