/* Whatever the bytes: reading a model, checking, inferring and optimising it ends in a graph or
 * an error, in bounded time and memory. */
#include "core/onnx/load.h"
#include "core/ops/op.h"
#include "core/passes/passes.h"
#include "tests/fuzz/fail.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const GonioLoadLimits limits = {.max_tensor_bytes = (size_t)64 << 20, .max_nodes = 20000};
  const GonioPassOptions options = {.level = GONIO_OPT_ALL};
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioGraph) graph = gonio_onnx_load_bytes (bytes, NULL, &limits, &error);

  g_assert_true ((graph == NULL) == (error != NULL));
  if (graph && gonio_passes_run (graph, &options, NULL)) {
    g_autofree char *text = gonio_graph_to_text (graph, gonio_op_name);
    g_autoptr (GError) broken = NULL;
    if (!gonio_graph_check (graph, gonio_op_check_node, &broken))
      fuzz_fail ("a pass broke the graph: %s\n%s", broken->message, text);
  }
  return 0;
}
